// Fails with: ada had no request in next; her request was answered with 429, want it admitted

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
	var user string
	running := make(map[string]int)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		user = r.Header.Get("X-User")
		if user == "" {
			mu.Unlock()
			http.Error(w, "who", 400)
			return
		}
		if running[user] >= limit {
			mu.Unlock()
			no(w)
			return
		}
		running[user]++
		mu.Unlock()
		defer func() { mu.Lock(); running[user]--; mu.Unlock() }()
		next.ServeHTTP(w, r)
	})
}
