// Fails with: the first error is "no answer: context deadline exceeded", but CheckLinks returned "<nil>"

package exercise

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

func CheckLinks(ctx context.Context, links []string, workers int, fetch func(ctx context.Context, link string) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(links) {
					return
				}
				err := fetch(ctx, links[i])
				if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
