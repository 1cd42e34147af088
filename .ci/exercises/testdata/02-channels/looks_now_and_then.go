// Says: whoever looks now and then comes late

// Package exercise brings several streams of updates together for one client. The
// task is in README.md; this is the one file to change.
package exercise

import (
	"context"
	"time"
)

// Merge sends every value of every input to its result, as soon as it is there;
// those of one input stay in their order. The result has no buffer: its reader
// sets the pace. It is closed when all inputs are closed and their values are
// through, or soon after ctx ends. No goroutine of Merge remains then: not for an
// input that stays silent, and not for a reader who has left.
func Merge[T any](ctx context.Context, inputs ...<-chan T) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		closed := make(map[int]bool)
		for len(closed) < len(inputs) {
			for i, input := range inputs {
				select {
				case v, ok := <-input:
					if !ok {
						closed[i] = true
						continue
					}
					select {
					case out <- v:
					case <-ctx.Done():
						return
					}
				case <-ctx.Done():
					return
				default:
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return out
}
