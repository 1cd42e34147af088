package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// PlainCounter is wrong: its requests run concurrently and share n, so n++ is a
// data race.
type PlainCounter struct{ n int }

func (c *PlainCounter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.n++
	fmt.Fprintln(w, "counted")
}

// SlowMotionCounter is wrong in the same way. n++ is three steps: load, add,
// store. Here all n requests load before the first one stores, which is the worst
// order. The steps are atomic, so there is no data race, but updates are lost.
type SlowMotionCounter struct {
	n      atomic.Int64
	loaded *Meeting
}

// NewSlowMotionCounter returns a counter for n concurrent requests.
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
