// Fails with: were let in; the limit is 2

// Package exercise keeps one user from taking a server away from all others. The
// task is in README.md; this is the one file to change.
package exercise

import (
	"net/http"
	"sync"
)

// LimitPerUser returns a handler that lets each user, named by the header X-User,
// have at most so many requests in next at once. A further one is answered at
// once, with 429 and "Retry-After: 1"; it does not wait, and nobody else notices.
// When a request has left next, in whatever way, its place is free again. A panic
// of next goes on to net/http. A request without a user is answered with 400.
func LimitPerUser(next http.Handler, atOnce int) http.Handler {
	var mu sync.Mutex
	inside := make(map[string]int) // guarded by mu; by user
	enter := func(user string) bool {
		mu.Lock()
		now := inside[user]
		mu.Unlock()
		if now >= atOnce {
			return false
		}
		mu.Lock()
		inside[user]++
		mu.Unlock()
		return true
	}
	leave := func(user string) {
		mu.Lock()
		defer mu.Unlock()
		if inside[user]--; inside[user] == 0 {
			delete(inside, user) // or the map would keep every name that ever came
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.Header.Get("X-User")
		if user == "" {
			http.Error(w, "who are you?", http.StatusBadRequest)
			return
		}
		if !enter(user) {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "one after the other, please", http.StatusTooManyRequests)
			return
		}
		defer leave(user)
		next.ServeHTTP(w, r)
	})
}
