package main

import "context"

// Ordered is Stage with the order kept: the results come in the order of in,
// although the workers are free to finish later items first.
//
// Each item gets a place: a channel for its one result. The places queue up in
// the order of the items, and the results are taken from them in that order. The
// queue is bounded, so a very slow item holds up the items behind it before long.
// That is the price of order: without the bound, their results would pile up.
func Ordered[In, Out any](p *Pipeline, workers int, in <-chan In, work func(context.Context, In) (Out, error)) <-chan Out {
	type job struct {
		item  In
		place chan Out
	}
	workers = max(workers, 1)
	jobs := make(chan job)
	queue := make(chan chan Out, workers+slack)
	p.stages.Go(func() {
		defer close(jobs)
		defer close(queue)
		for v := range in {
			j := job{v, make(chan Out, 1)} // room for the result, so that no worker waits for its turn
			if !send(p, queue, j.place) || !send(p, jobs, j) {
				return
			}
		}
	})
	for range workers {
		p.stages.Go(func() {
			for j := range jobs {
				result, err := work(p.ctx, j.item)
				if err != nil {
					p.stop(err)
					return
				}
				j.place <- result
			}
		})
	}
	out := make(chan Out, slack)
	p.stages.Go(func() {
		defer close(out)
		for place := range queue {
			select {
			case result := <-place:
				if !send(p, out, result) {
					return
				}
			case <-p.ctx.Done(): // perhaps its worker failed: then no result comes
				return
			}
		}
	})
	return out
}
