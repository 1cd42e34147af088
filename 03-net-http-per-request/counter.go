package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
)

// AtomicCounter answers each request with its number. Add is one step: no other
// goroutine gets the same number.
type AtomicCounter struct{ n atomic.Int64 }

func (c *AtomicCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, c.n.Add(1))
}

// MutexCounter does the same with a mutex. The critical section is short and ends
// before the write: a client that reads slowly must not block the others. One
// number needs only an atomic; a mutex can guard values that belong together.
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
