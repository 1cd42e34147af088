// Fails with: no fetch failed, but CheckLinks returned the error "context deadline exceeded"

package exercise

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

func CheckLinks(ctx context.Context, links []string, workers int, fetch func(ctx context.Context, link string) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var next atomic.Int64
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(links) {
					return
				}
				if err := fetch(ctx, links[i]); err != nil {
					stop(err)
				}
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}
