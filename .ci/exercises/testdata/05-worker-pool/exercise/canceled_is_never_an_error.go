// Fails with: the first error is "context canceled", but CheckLinks returned "<nil>"

package exercise

import (
	"context"
	"sync"
	"sync/atomic"
)

// CheckLinks fetches each link once. As long as there are enough links, exactly
// workers fetches run at the same time, never more.
//
// The first error stops the rest: CheckLinks starts no further fetch, cancels the
// context of the fetches in flight, and returns that error, not an error that
// occurred later. When ctx is done, CheckLinks stops in the same way and returns
// the cause. It returns when everything that it has started has ended.
func CheckLinks(ctx context.Context, links []string, workers int, fetch func(ctx context.Context, link string) error) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(links) {
					return
				}
				if err := fetch(ctx, links[i]); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	cancel(nil)
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	if err := context.Cause(ctx); err != context.Canceled {
		return err
	}
	return nil
}
