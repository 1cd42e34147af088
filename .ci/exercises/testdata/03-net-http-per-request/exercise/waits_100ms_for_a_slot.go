// Fails with: a request was rejected after 100ms, want it rejected immediately

package exercise

import (
	"net/http"
	"sync"
	"time"
)

func no(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many concurrent requests", 429)
}

func LimitPerUser(next http.Handler, limit int) http.Handler {
	var mu sync.Mutex
	slots := make(map[string]chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "who", 400)
			return
		}
		mu.Lock()
		c := slots[user]
		if c == nil {
			c = make(chan struct{}, limit)
			slots[user] = c
		}
		mu.Unlock()
		select {
		case c <- struct{}{}:
		case <-time.After(100 * time.Millisecond):
			no(w)
			return
		}
		defer func() { <-c }()
		next.ServeHTTP(w, r)
	})
}
