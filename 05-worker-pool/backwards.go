package main

import (
	"context"
	"sync/atomic"
)

// Backwards has the tasks 1 to n, which end in the opposite order.
type Backwards struct {
	Runs  []atomic.Int64  // by task: how often it has run
	ended []chan struct{} // by task
}

// NewBackwards returns n tasks.
func NewBackwards(n int) *Backwards {
	b := &Backwards{make([]atomic.Int64, n+1), make([]chan struct{}, n+2)}
	for task := range b.ended {
		b.ended[task] = make(chan struct{})
	}
	b.End(n + 1) // the last task does not block
	return b
}

// Do runs a task: it blocks until End has been called for the task after it.
func (b *Backwards) Do(_ context.Context, task int) (int, error) {
	b.Runs[task].Add(1)
	<-b.ended[task+1]
	return task, nil
}

// End lets the task before this one end.
func (b *Backwards) End(task int) { close(b.ended[task]) }
