// Fails with: one of 2 allowed requests had left, and another was admitted; one more was admitted, want it answered with 429

package exercise

import (
	"net/http"
	"sync"
)

func no(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many concurrent requests", 429)
}

func LimitPerUser(next http.Handler, limit int) http.Handler {
	var mu sync.Mutex
	running := make(map[string]int)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "who", 400)
			return
		}
		mu.Lock()
		if running[user] >= limit {
			mu.Unlock()
			no(w)
			return
		}
		running[user]++
		mu.Unlock()
		defer func() { mu.Lock(); delete(running, user); mu.Unlock() }()
		next.ServeHTTP(w, r)
	})
}
