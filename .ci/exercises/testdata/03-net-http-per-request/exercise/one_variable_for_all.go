// Fails with: ada had none under way, and her request was answered with 429

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
	var user string
	inside := make(map[string]int)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		user = r.Header.Get("X-User")
		if user == "" {
			mu.Unlock()
			http.Error(w, "who", 400)
			return
		}
		if inside[user] >= atOnce {
			mu.Unlock()
			no(w)
			return
		}
		inside[user]++
		mu.Unlock()
		defer func() { mu.Lock(); inside[user]--; mu.Unlock() }()
		next.ServeHTTP(w, r)
	})
}
