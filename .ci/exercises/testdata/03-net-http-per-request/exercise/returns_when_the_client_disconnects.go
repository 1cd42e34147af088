// Fails with: the client disconnected, and the handler returned, but next is still running

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
		defer func() { mu.Lock(); running[user]--; mu.Unlock() }()
		done := make(chan any, 1)
		go func() {
			defer func() { done <- recover() }()
			next.ServeHTTP(w, r)
		}()
		select {
		case v := <-done:
			if v != nil {
				panic(v)
			}
		case <-r.Context().Done():
		}
	})
}
