// Fails with: there is one input, and Merge returned it

// Package exercise merges several streams of updates into one for a client.
// README.md describes the task; merge.go is the only file to change.
package exercise

import (
	"context"
)

// Merge returns a channel that delivers every value of every input as soon as it
// is available; the values of one input stay in order. The channel is unbuffered:
// its receiver sets the pace. It is closed when all inputs are closed and their
// values are delivered, or when ctx is done. Then no goroutine of Merge remains,
// even if an input stays silent or no goroutine receives from the channel.
func Merge[T any](ctx context.Context, inputs ...<-chan T) <-chan T {
	if len(inputs) == 1 {
		return inputs[0]
	}
	out := make(chan T)
	if len(inputs) == 0 {
		close(out)
		return out
	}
	a, b := Merge(ctx, inputs[:len(inputs)/2]...), Merge(ctx, inputs[len(inputs)/2:]...)
	go func() {
		defer close(out)
		for a != nil || b != nil {
			var v T
			var ok bool
			select {
			case v, ok = <-a:
				if !ok {
					a = nil
					continue
				}
			case v, ok = <-b:
				if !ok {
					b = nil
					continue
				}
			case <-ctx.Done():
				return
			}
			select {
			case out <- v:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
