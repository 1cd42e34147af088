// Fails with: one of 2 requests had ended, another had come in, and one more was let in

package exercise

import (
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
		defer func() { mu.Lock(); delete(inside, user); mu.Unlock() }()
		next.ServeHTTP(w, r)
	})
}
