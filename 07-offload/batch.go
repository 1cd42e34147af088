package main

import (
	"context"
	"log"
	"runtime/debug"
	"slices"
	"sync"
)

// A Batch collects what callers add while one call of run is in progress, and
// passes it to the next call: the more callers there are, the fewer calls each of
// them costs. No timer is involved, so a lone caller does not wait.
type Batch[In, Out any] struct {
	limit int              // how much one call gets at most
	run   func([]In) []Out // returns a result for each, in their order
	turn  chan struct{}    // a lock: the caller that has sent to it may call run; then it receives

	mu    sync.Mutex
	added []*item[In, Out] // guarded by mu; for the next call
}

type item[In, Out any] struct {
	in   In
	out  Out
	done chan struct{} // closed when out is set
}

func newBatch[In, Out any](limit int, run func([]In) []Out) *Batch[In, Out] {
	return &Batch[In, Out]{limit: limit, run: run, turn: make(chan struct{}, 1)}
}

// Add adds in and returns immediately: what is added first is passed on first.
// The callers of wait take turns to call run, each for all of them, so wait must be
// called. It returns the result for in. When ctx is done, wait withdraws in, unless a
// caller has passed it to run, and returns the cause. A caller that is calling run returns when run has returned.
func (b *Batch[In, Out]) Add(in In) (wait func(ctx context.Context) (Out, error)) {
	it := &item[In, Out]{in: in, done: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.added = append(b.added, it)
	return func(ctx context.Context) (out Out, err error) {
		for {
			select {
			case <-it.done:
				return it.out, nil
			case b.turn <- struct{}{}:
				if ctx.Err() == nil { // a select takes either case if both are ready
					b.call()
				}
				<-b.turn
			case <-ctx.Done():
				b.mu.Lock()
				defer b.mu.Unlock()
				b.added = slices.DeleteFunc(b.added, func(other *item[In, Out]) bool { return other == it })
				return out, context.Cause(ctx)
			}
		}
	}
}

// call calls run with what was added first, and passes on the results. A panic in
// run ends the process: the other callers would block forever.
func (b *Batch[In, Out]) call() {
	defer endProcess("in a call for many callers")
	b.mu.Lock()
	items := b.added[:min(b.limit, len(b.added))]
	b.added = slices.Clone(b.added[len(items):])
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

// endProcess must be deferred. After a panic it ends the process, with the stack:
// net/http would recover the panic and go on.
func endProcess(where string) {
	if v := recover(); v != nil {
		log.Fatalf("%s: %v\n\n%s", where, v, debug.Stack())
	}
}
