package main

import (
	"context"
	"sync/atomic"
)

// slack is the buffer between two stages. These items are held in memory.
const slack = 32

// Source starts a first stage: produce calls emit for each item. Its error stops the
// pipeline. When the pipeline stops, ctx is done and emit returns an error; then produce
// must return. It may range over another stage's channel, to make several items from one.
func Source[T any](p *Pipeline, produce func(ctx context.Context, emit func(T) error) error) <-chan T {
	return start(p, 1, produce)
}

// Stage starts a stage that calls work for every item of in, until in is closed,
// and returns the channel of the results. An error of work stops the pipeline: then
// the workers take no more items, and Run waits for the calls in progress, which must observe ctx. Several
// workers (fewer than 1 count as 1) share the items; results come in the order of completion.
func Stage[In, Out any](p *Pipeline, workers int, in <-chan In, work func(context.Context, In) (Out, error)) <-chan Out {
	return start(p, workers, func(ctx context.Context, emit func(Out) error) error {
		for v, ok := receive(p, in); ok; v, ok = receive(p, in) {
			if result, err := work(ctx, v); err != nil {
				return err
			} else if err := emit(result); err != nil {
				return err
			}
		}
		return nil
	})
}

// start runs stage in n goroutines and closes the channel that they send on.
func start[T any](p *Pipeline, n int, stage func(context.Context, func(T) error) error) <-chan T {
	out := make(chan T, slack)
	emit := func(v T) error { return send(p, out, v) }
	var running atomic.Int64
	running.Store(int64(max(n, 1)))
	for range max(n, 1) {
		p.stages.Go(func() {
			err, returned := error(nil), false
			defer func() {
				if !returned {
					err = newPanicError(recover())
				}
				p.ended(err)
				if running.Add(-1) == 0 {
					close(out) // only the last worker: a send on a closed channel panics
				}
			}()
			err, returned = stage(p.ctx, emit), true
		})
	}
	return out
}

// receive returns false if in is closed or the pipeline stops.
func receive[T any](p *Pipeline, in <-chan T) (v T, ok bool) {
	select {
	case v, ok = <-in: // alone first: a select with two cases costs more
	default:
		select {
		case v, ok = <-in:
		case <-p.ctx.Done(): // in may be a channel that is never closed
		}
	}
	return v, ok && p.ctx.Err() == nil
}

// send returns an error if the pipeline stops: the receiver may have ended.
func send[T any](p *Pipeline, out chan<- T, v T) error {
	if p.ctx.Err() == nil { // otherwise a stage that never blocks would go on
		select {
		case out <- v:
			return nil
		default:
		}
		select { // the buffer is full
		case out <- v:
		case <-p.ctx.Done():
		}
	}
	return p.ctx.Err()
}
