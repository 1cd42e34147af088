package main

import (
	"context"
	"sync"
)

// A Batch collects what callers add while one call of run is in progress, and
// passes all of it to the next call: the more callers there are, the fewer calls
// each of them costs. No timer is involved, so a lone caller does not wait.
type Batch[In, Out any] struct {
	limit int              // how much one call gets at most
	run   func([]In) []Out // returns a result for each, in their order

	mu      sync.Mutex
	added   []*item[In, Out] // guarded by mu; for the next call
	running bool             // guarded by mu; whether work is running
}

type item[In, Out any] struct {
	in   In
	out  Out
	done chan struct{} // closed when out is set
}

// Add adds in and returns immediately: what is added first is passed on first.
// wait blocks until run has returned the result for in, or until ctx is done; run
// continues for the other callers.
func (b *Batch[In, Out]) Add(in In) (wait func(ctx context.Context) (Out, error)) {
	it := &item[In, Out]{in: in, done: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added = append(b.added, it)
	if !b.running {
		b.running = true
		go b.work()
	}
	return func(ctx context.Context) (out Out, err error) {
		select {
		case <-it.done:
			return it.out, nil
		case <-ctx.Done():
			return out, context.Cause(ctx)
		}
	}
}

// work calls run until nothing is left. So an idle Batch has no goroutine, and
// need not be closed.
func (b *Batch[In, Out]) work() {
	for {
		b.mu.Lock()
		items := b.added[:min(b.limit, len(b.added))]
		if b.added = b.added[len(items):]; len(items) == 0 {
			b.added, b.running = nil, false
		}
		b.mu.Unlock()
		if len(items) == 0 {
			return
		}
		in := make([]In, len(items))
		for i, it := range items {
			in[i] = it.in
		}
		for i, out := range b.run(in) {
			items[i].out = out
			close(items[i].done)
		}
	}
}
