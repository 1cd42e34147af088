package main

import (
	"context"
	"sync/atomic"
)

// Source starts the first stage: produce calls emit for each item, and returns
// when there are no more. When emit returns an error, the pipeline is stopping,
// and produce must return.
//
// A stage that makes several items of one, or drops some, is a Source too: its
// produce ranges over the channel of the stage before.
func Source[T any](p *Pipeline, produce func(ctx context.Context, emit func(T) error) error) <-chan T {
	out := make(chan T, slack)
	p.stages.Go(func() {
		defer close(out)
		err := produce(p.ctx, func(v T) error {
			if !send(p, out, v) {
				return context.Cause(p.ctx)
			}
			return nil
		})
		if err != nil {
			p.stop(err)
		}
	})
	return out
}

// Stage starts a stage that does work on every item of in, and returns the
// channel of the results. An error of work stops the whole pipeline.
//
// With more than one worker (fewer than 1 count as 1) the stage is fanned out:
// the workers receive from one channel, so that each item goes to whoever is
// free. All send on one channel, which merges the results again (fan-in), in
// the order in which they are done.
func Stage[In, Out any](p *Pipeline, workers int, in <-chan In, work func(context.Context, In) (Out, error)) <-chan Out {
	workers = max(workers, 1)
	out := make(chan Out, slack)
	var working atomic.Int64
	working.Store(int64(workers))
	for range workers {
		p.stages.Go(func() {
			defer func() {
				if working.Add(-1) == 0 { // Only the last worker closes: on a closed
					close(out) //             channel, the others' sends would panic.
				}
			}()
			for v := range in {
				result, err := work(p.ctx, v)
				if err != nil {
					p.stop(err)
					return
				}
				if !send(p, out, result) {
					return
				}
			}
		})
	}
	return out
}
