package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// countTo is a source of the numbers from 1 to n.
func countTo(p *Pipeline, n int) <-chan int {
	return Source(p, func(_ context.Context, emit func(int) error) error {
		for i := range n {
			if err := emit(i + 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// same is the work of a stage that passes its items on.
func same(_ context.Context, n int) (int, error) { return n, nil }

var errFull = errors.New("item 100: disk full")

// fullAt100 is the work of a stage that fails at item 100. Its other workers
// fail because of that, with errors of their own.
func fullAt100(workers int) func(context.Context, int) (int, error) {
	var others sync.WaitGroup
	others.Add(workers - 1)
	return func(ctx context.Context, n int) (int, error) {
		switch {
		case n < 100:
			return n, nil
		case n == 100:
			others.Wait() // until each of them has an item, too
			return 0, errFull
		}
		others.Done()
		<-ctx.Done()
		return 0, fmt.Errorf("item %d: %w", n, ctx.Err())
	}
}
