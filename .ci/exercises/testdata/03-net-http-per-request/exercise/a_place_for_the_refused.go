// Fails with: a client was slow to read its refusal

package exercise

import (
	"net/http"
	"sync"
	"sync/atomic"
)

func no(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	http.Error(w, "one after the other, please", 429)
}

func LimitPerUser(next http.Handler, atOnce int) http.Handler {
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
		if n.Add(1) > int64(atOnce) {
			no(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}
