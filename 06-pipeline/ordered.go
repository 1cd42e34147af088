package main

import "context"

// Ordered is Stage with the order of in kept: each item gets a place, a channel
// for its one result, and the places queue up in order. The queue is bounded, so a
// very slow item soon blocks the items behind it: the price of order.
func Ordered[In, Out any](p *Pipeline, workers int, in <-chan In, work func(context.Context, In) (Out, error)) <-chan Out {
	type job struct {
		item  In
		place chan Out
	}
	queue := make(chan chan Out, max(workers, 1)+slack)
	jobs := Source(p, func(_ context.Context, emit func(job) error) error {
		defer close(queue)
		for v, ok := receive(p, in); ok; v, ok = receive(p, in) {
			j := job{v, make(chan Out, 1)} // never blocks a worker
			if send(p, queue, j.place) != nil || emit(j) != nil {
				break
			}
		}
		return nil
	})
	ended := start(p, workers, func(ctx context.Context, _ func(Out) error) error {
		for j, ok := receive(p, jobs); ok; j, ok = receive(p, jobs) {
			result, err := work(ctx, j.item)
			if err != nil {
				return err
			}
			j.place <- result
		}
		return nil
	})
	return Source(p, func(_ context.Context, emit func(Out) error) error {
		for place := range queue {
			if result, ok := receive(p, place); !ok || emit(result) != nil {
				return nil // the pipeline stops: perhaps the worker has failed
			}
		}
		<-ended // closed when the workers have ended
		return nil
	})
}
