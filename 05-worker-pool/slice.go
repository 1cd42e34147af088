package main

import (
	"context"
	"iter"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Map does all tasks of a slice with that many workers (fewer than 1 count as 1)
// and returns their results in the order of the tasks, whichever is done first.
// The first error, or panic, or the end of ctx stops the rest, and is returned;
// the results are then nil.
//
// When all tasks are there from the start, no queue is needed: the workers share
// the index of the next one. That makes it much cheaper than a Pool.
func Map[T, R any](ctx context.Context, workers int, tasks []T, do func(context.Context, T) (R, error)) ([]R, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	results := make([]R, len(tasks))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(max(workers, 1), len(tasks)) {
		group.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					stop(&PanicError{v, debug.Stack()})
				}
			}()
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(tasks)) {
					return
				}
				result, err := do(ctx, tasks[i])
				if err != nil {
					stop(err) // of several errors the first one counts
					return
				}
				results[i] = result // no lock: this element is this worker's alone
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return results, nil
}

// A Result is what came of a task.
type Result[R any] struct {
	Task  int // its index in the slice
	Value R
	Err   error // a *PanicError if it panicked
}

// AsDone does all tasks of a slice with that many workers and yields each result
// as soon as it is there, errors too: none of them stops the others. A loop that
// leaves early, or the end of ctx, cancels the tasks under way and begins no more.
// When the loop ends, every worker has ended. A loop that ctx has cut short looks
// like one that is through: ask ctx.Err after it.
func AsDone[T, R any](ctx context.Context, workers int, tasks []T, do func(context.Context, T) (R, error)) iter.Seq[Result[R]] {
	return func(yield func(Result[R]) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		indexes := make([]int, len(tasks))
		for i := range indexes {
			indexes[i] = i
		}
		results := make(chan Result[R])
		go func() {
			defer close(results)
			Map(ctx, workers, indexes, func(ctx context.Context, i int) (struct{}, error) {
				r := Result[R]{Task: i}
				r.Value, r.Err = caught(ctx, tasks[i], do)
				select {
				case results <- r:
				case <-ctx.Done(): // the loop has left: nobody will receive
				}
				return struct{}{}, nil
			})
		}()
		for r := range results {
			if !yield(r) {
				break
			}
		}
		stop()
		for range results { // until the last worker has ended
		}
	}
}

// caught calls do and turns a panic into an error.
func caught[T, R any](ctx context.Context, task T, do func(context.Context, T) (R, error)) (result R, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return do(ctx, task)
}
