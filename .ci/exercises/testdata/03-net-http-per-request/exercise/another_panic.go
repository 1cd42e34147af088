// Fails with: net/http was told http.ErrAbortHandler instead

package exercise

import (
	"log"
	"net/http"
	"sync"
)

func no(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "one after the other, please", 429)
}

func LimitPerUser(next http.Handler, atOnce int) http.Handler {
	var mu sync.Mutex
	inside := make(map[string]int)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "who", 400)
			return
		}
		mu.Lock()
		if inside[user] >= atOnce {
			mu.Unlock()
			no(w)
			return
		}
		inside[user]++
		mu.Unlock()
		defer func() {
			mu.Lock()
			inside[user]--
			mu.Unlock()
			if v := recover(); v != nil {
				log.Print("oops")
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
