// Fails, interleaved, with: at the same time: admitted

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
	var users sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "no X-User", http.StatusBadRequest)
			return
		}
		v, _ := users.LoadOrStore(user, new(atomic.Int64))
		n := v.(*atomic.Int64)
		if n.Add(1) > int64(limit) {
			n.Add(-1)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many concurrent requests", http.StatusTooManyRequests)
			return
		}
		defer n.Add(-1)
		next.ServeHTTP(w, r)
	})
}
