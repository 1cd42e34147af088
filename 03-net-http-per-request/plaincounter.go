package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// PlainCounter is WRONG: it counts its requests in a plain int. All requests share the one
// handler, and run at the same time, so two of them touch n at once: a data race.
type PlainCounter struct{ n int }

func (c *PlainCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.n++
	fmt.Fprintln(w, "counted")
}

// SlowMotionCounter is WRONG in the same way, slowed down until it can be watched. n++ is three steps: load, add,
// store. Here all requests load before the first one stores, which is the worst a plain n++ can meet.
// The steps are atomic, so there is no data race any more; there is still the lost update.
type SlowMotionCounter struct {
	n      atomic.Int64
	loaded *Meeting
}

// NewSlowMotionCounter returns a counter for n requests at once.
func NewSlowMotionCounter(n int) *SlowMotionCounter {
	return &SlowMotionCounter{loaded: NewMeeting(n)}
}

func (c *SlowMotionCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := c.n.Load()
	if c.loaded.Wait(r.Context()) != nil {
		return
	}
	c.n.Store(seen + 1)
	fmt.Fprintln(w, seen+1)
}
