package main

// Collecting is the WRONG thing to put between two stages: it receives
// everything before it hands on the first item. The stages after it have
// nothing to do until the stages before it are done, so their times add up. And
// it holds the whole input in memory.
//
// It looks harmless in code as a function that takes a slice and returns a slice.
func Collecting[T any](p *Pipeline, in <-chan T) <-chan T {
	out := make(chan T)
	p.stages.Go(func() {
		defer close(out)
		var all []T
		for v := range in {
			all = append(all, v)
		}
		for _, v := range all {
			if !send(p, out, v) {
				return
			}
		}
	})
	return out
}
