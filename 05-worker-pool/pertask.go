package main

import (
	"context"
	"sync"
)

// PerTask is the wrong way for more than a few tasks: a goroutine for each, all at
// the same time. The goroutines are cheap. What they use is not: memory,
// connections, files, the server that all of them call.
func PerTask[T any](ctx context.Context, tasks []T, do func(context.Context, T)) {
	var group sync.WaitGroup
	for _, task := range tasks {
		group.Go(func() { do(ctx, task) })
	}
	group.Wait()
}
