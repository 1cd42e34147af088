package main

import (
	"cmp"
	"context"
	"iter"
	"sync"
	"sync/atomic"
)

// Map calls do for all tasks of a slice on the given number of workers (fewer than 1
// count as 1), and returns the results in the order of the tasks. The first error
// stops the rest, and so does the cancellation of ctx: the workers take no more
// tasks, the context of the running ones is canceled, and the results are nil. A panic
// and runtime.Goexit are errors, as in a Pool; the error is a *TaskError with the
// index of the task. If ctx has kept a task from being begun or completed, its cause
// is joined to the error. When Map returns, every goroutine that it has started has
// ended.
//
// A slice needs no queue: the workers share the index of the next task.
// BenchmarkEmptyTask measures what that saves.
func Map[T, R any](ctx context.Context, workers int, tasks []T, do func(context.Context, T) (R, error)) ([]R, error) {
	f := failures{parent: ctx}
	ctx, stop := context.WithCancelCause(ctx)
	results := make([]R, len(tasks))
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(max(workers, 1), len(tasks)) {
		group.Go(func() {
			var i int
			var err error
			defer func() {
				if err != nil {
					f.add(ctx, stop, i, err)
				}
			}()
			defer recovered(&err)
			for err == nil {
				if i = int(next.Add(1) - 1); i >= len(tasks) {
					return
				}
				if f.parent.Err() != nil || ctx.Err() != nil {
					f.cutShort()
					return
				}
				err = ErrGoexit                     // unless do returns or panics
				results[i], err = do(ctx, tasks[i]) // no lock: this element is this worker's alone
			}
		})
	}
	group.Wait()
	stop(context.Cause(f.parent)) // no effect if the tasks were stopped before
	if err := f.join(ctx); err != nil {
		return nil, err
	}
	return results, nil
}

// A Result is the result of a task.
type Result[R any] struct {
	Task  int // its index in the slice
	Value R
	Err   error // as do returned it, a *PanicError, ErrGoexit or the cause of ctx
}

// AsDone calls do for all tasks of a slice on the given number of workers (fewer than 1
// count as 1), and yields one result for each task, when it is there. An error does
// not stop the others. If ctx is done, so is the context of the tasks that are
// running, and no other task is begun: its result has context.Cause(ctx) as Err. When
// the loop ends, in any way (break, return, a panic, Goexit), the context of the
// tasks that are running has been canceled, and every goroutine that AsDone has
// started has ended.
//
// It returns an iterator, an iter.Seq: a function that calls the body of a for
// range loop, here named yield, for each result.
func AsDone[T, R any](ctx context.Context, workers int, tasks []T, do func(context.Context, T) (R, error)) iter.Seq[Result[R]] {
	return func(yield func(Result[R]) bool) {
		tasksCtx, stop := context.WithCancel(ctx)
		looping, leave := context.WithCancel(context.WithoutCancel(ctx)) // until the loop ends
		results := make(chan Result[R])
		defer func() { // also if the body of the loop panics
			stop()
			leave()
			for range results { // until it is closed: every worker has ended
			}
		}()
		p := NewPool(looping, Config{Workers: min(workers, len(tasks)), KeepGoing: true}, func(_ context.Context, i int) error {
			r := Result[R]{Task: i, Err: ErrGoexit} // unless do returns or panics
			defer func() {
				select {
				case results <- r:
				case <-looping.Done():
				}
			}()
			defer recovered(&r.Err)
			if ctx.Err() != nil || tasksCtx.Err() != nil {
				r.Err = cmp.Or(context.Cause(ctx), context.Cause(tasksCtx))
				return nil
			}
			r.Value, r.Err = do(tasksCtx, tasks[i])
			return nil
		})
		go func() {
			defer close(results)
			defer p.Close() // its errors are in the results
			for i := range tasks {
				if p.Submit(looping, i) != nil {
					return
				}
			}
		}()
		for r := range results {
			if !yield(r) {
				return
			}
		}
	}
}
