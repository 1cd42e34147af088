package exercise

import (
	"context"
	"sync"
)

// Import loads all files at the same time. It returns the first error as soon as
// load returns one, without waiting for the other files, or nil when all are
// loaded. A load that is in progress goes on; its goroutine must end after it.
func Import(files []string, load func(file string) error) error {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, file := range files {
		wg.Go(func() {
			if err := load(file); err != nil {
				cancel(err)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-done:
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return nil
	}
}
