// Fails with: the handler has returned while next is still at work

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
		defer func() { mu.Lock(); inside[user]--; mu.Unlock() }()
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
