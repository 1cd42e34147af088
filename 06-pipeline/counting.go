package main

import "context"

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

// same is the work of a stage that passes its items on unmodified.
func same(_ context.Context, n int) (int, error) { return n, nil }

// endless emits the numbers from 1, without an end.
func endless(_ context.Context, emit func(int) error) error {
	for n := 1; ; n++ {
		if err := emit(n); err != nil {
			return err
		}
	}
}
