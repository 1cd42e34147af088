// Fails, interleaved, with: at the same time: admitted

// Package exercise limits how many requests of one user a server handles at the
// same time. README.md describes the task; limit.go is the only file to change.
package exercise

import (
	"net/http"
	"sync"
	"sync/atomic"
)

// LimitPerUser returns a handler that allows each user, named by the header X-User,
// limit concurrent requests in next. It rejects any further request immediately,
// with 429 and "Retry-After: 1": it does not wait, and other users are not affected.
// When a request has left next, even by a panic, its slot is free again. The panic
// continues to net/http. A request without a user is answered with 400.
func LimitPerUser(next http.Handler, limit int) http.Handler {
	var counts sync.Map // user to *atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "the header X-User is missing", http.StatusBadRequest)
			return
		}
		c, _ := counts.LoadOrStore(user, new(atomic.Int64))
		n := c.(*atomic.Int64)
		if n.Load() >= int64(limit) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		n.Add(1)
		defer n.Add(-1)
		next.ServeHTTP(w, r)
	})
}
