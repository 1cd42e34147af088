// Says: came twice, or have changed places

// Package exercise brings several streams of updates together for one client. The
// task is in README.md; this is the one file to change.
package exercise

import (
	"context"
	"sync"
)

// Merge sends every value of every input to its result, as soon as it is there;
// those of one input stay in their order. The result has no buffer: its reader
// sets the pace. It is closed when all inputs are closed and their values are
// through, or soon after ctx ends. No goroutine of Merge remains then: not for an
// input that stays silent, and not for a reader who has left.
func Merge[T any](ctx context.Context, inputs ...<-chan T) <-chan T {
	out := make(chan T)
	var senders sync.WaitGroup
	for _, input := range append(inputs, inputs...) {
		senders.Go(func() {
			for {
				select {
				case v, ok := <-input:
					if !ok {
						return
					}
					select {
					case out <- v:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		senders.Wait()
		close(out)
	}()
	return out
}
