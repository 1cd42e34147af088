// Fails with: a client reads its 429 slowly, and the user's slot is free again; the next request was answered with 429

package exercise

import (
	"net/http"
	"sync"
	"sync/atomic"
)

func no(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "too many concurrent requests", 429)
}

func LimitPerUser(next http.Handler, limit int) http.Handler {
	var counts sync.Map
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "who", 400)
			return
		}
		v, _ := counts.LoadOrStore(user, new(atomic.Int64))
		n := v.(*atomic.Int64)
		defer n.Add(-1)
		if n.Add(1) > int64(limit) {
			no(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
