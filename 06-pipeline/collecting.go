package main

import "context"

// Collecting is the WRONG link between two stages: it receives everything before
// it sends the first item. The stages after it are idle until the stages before it
// are done, so their times add up. And it holds the whole input in memory.
//
// It looks harmless in code as a function that takes a slice and returns a slice.
func Collecting[T any](p *Pipeline, in <-chan T) <-chan T {
	return Source(p, func(_ context.Context, emit func(T) error) error {
		var all []T
		for v := range in {
			all = append(all, v)
		}
		for _, v := range all {
			if err := emit(v); err != nil {
				return err
			}
		}
		return nil
	})
}
