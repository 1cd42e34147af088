package main

import (
	"context"
	"runtime"
	"sync/atomic"
)

// A page is an item that takes some memory.
type page [4 << 10]byte

// MostInFlight sends items through two stages, linked by between, to a consumer that
// keeps the first item until full items are in flight. It returns the largest number
// in flight, and the memory that these items hold.
func MostInFlight(ctx context.Context, items, full int, between func(*Pipeline, <-chan *page) <-chan *page) (most int, held int64, err error) {
	var now atomic.Int64 // in flight: made by the source, not yet dropped by the consumer
	filled := make(chan struct{})
	before := memory()
	pass := func(_ context.Context, v *page) (*page, error) { return v, nil }
	err = Run(ctx, func(p *Pipeline) error {
		pages := Source(p, func(_ context.Context, emit func(*page) error) error {
			for range items {
				if n := int(now.Add(1)); n > most {
					if most = n; n == full {
						close(filled)
					}
				}
				if err := emit(new(page)); err != nil {
					return err
				}
			}
			return nil
		})
		for range Stage(p, 1, between(p, Stage(p, 1, pages, pass)), pass) {
			if held == 0 {
				select {
				case <-filled:
				case <-p.ctx.Done():
				}
				held = max(memory()-before, 1)
			}
			now.Add(-1)
		}
		return nil
	})
	return most, held, err
}

// memory returns how much of the heap is in use.
func memory() int64 {
	runtime.GC()
	runtime.GC() // the second run frees what each sync.Pool has kept
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
