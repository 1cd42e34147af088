package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// AtomicCounter counts its requests. Add is one step that nobody can come between.
type AtomicCounter struct{ n atomic.Int64 }

func (c *AtomicCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, c.n.Add(1))
}

// MutexCounter counts its requests. The lock is held for the few lines that touch n, and not
// while the answer is written: a client slow to read would hold up all the others.
// For one number an atomic is enough; a lock can guard several values that belong together.
type MutexCounter struct {
	mu sync.Mutex
	n  int // guarded by mu
}

func (c *MutexCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.n++
	n := c.n
	c.mu.Unlock()
	fmt.Fprintln(w, n)
}
