package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// through sends 1000 items through a stage that does work, and one more stage.
func through(ctx context.Context, workers int, work func(context.Context, int) (int, error)) error {
	return Run(ctx, func(p *Pipeline) error {
		for range Stage(p, 1, Stage(p, workers, countTo(p, 1000), work), same) {
		}
		return nil
	})
}

var errFull = errors.New("item 100: disk full")

// fullAt100 is the work of a stage that fails at item 100. Its other workers fail
// because of that, with errors of their own.
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

// panicAt100 is the work of a stage with a bug: it panics at item 100.
func panicAt100(_ context.Context, n int) (int, error) {
	var names []string // empty
	if n == 100 {
		names[n] = "x"
	}
	return n, nil
}

// canceled is a pipeline whose caller cancels it, with a cause.
func canceled(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	return Run(ctx, func(p *Pipeline) error {
		for n := range Stage(p, 1, countTo(p, 1000), same) {
			if n == 100 {
				cancel(errors.New("the client left"))
			}
		}
		return nil
	})
}

// nested runs a pipeline in a stage of another one, whose consumer returns early.
// It returns the error of the inner one, which was cut short.
func nested(ctx context.Context) (inner error) {
	Run(ctx, func(p *Pipeline) error {
		begun := make(chan struct{})
		Stage(p, 1, countTo(p, 1), func(ctx context.Context, n int) (int, error) {
			inner = Run(ctx, func(p *Pipeline) error {
				close(begun)
				for range Source(p, endless) {
				}
				return nil
			})
			return n, inner
		})
		<-begun
		return nil
	})
	return inner
}
