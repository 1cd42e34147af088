// Package exercise limits how many requests of one user a server handles at the
// same time. README.md describes the task; limit.go is the only file to change.
package exercise

import (
	"net/http"
	"sync"
)

// LimitPerUser returns a handler that allows each user, named by the header X-User,
// limit concurrent requests in next. It rejects any further request immediately,
// with 429 and "Retry-After: 1": it does not wait, and other users are not affected.
// When a request has left next, even by a panic, its slot is free again. The panic
// continues to net/http. A request without a user is answered with 400.
func LimitPerUser(next http.Handler, limit int) http.Handler {
	return &limiter{next: next, limit: limit, running: make(map[string]int)}
}

type limiter struct {
	next  http.Handler
	limit int

	mu      sync.RWMutex
	running map[string]int // guarded by mu
}

func (l *limiter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	users := r.Header["X-User"]
	if len(users) == 0 || users[0] == "" {
		w.WriteHeader(400)
		return
	}
	if !l.enter(users[0]) {
		w.Header()["Retry-After"] = []string{"1"}
		w.WriteHeader(429)
		w.Write([]byte("too many requests\n"))
		return
	}
	defer l.leave(users[0])
	l.next.ServeHTTP(w, r)
}

func (l *limiter) enter(user string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[user] >= l.limit {
		return false
	}
	l.running[user]++
	return true
}

func (l *limiter) leave(user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running[user] == 1 {
		delete(l.running, user)
	} else {
		l.running[user]--
	}
}
