// Fails with: who was free did not take the next link

// Package exercise checks the links of a site. The task is in README.md; this is
// the one file to change.
package exercise

import (
	"context"
	"slices"
	"sync"
)

// CheckLinks fetches every link once. As long as there are links enough, so many
// fetches are under way at once as there are workers, and never more.
//
// The first error stops the rest: no other fetch is begun, those under way have
// their context cancelled, and that error is returned, not what follows from it.
// When ctx ends the same happens, and its cause is returned. CheckLinks returns
// when all that it has started has ended.
func CheckLinks(ctx context.Context, links []string, workers int, fetch func(ctx context.Context, link string) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for batch := range slices.Chunk(links, workers) {
		var group sync.WaitGroup
		for _, link := range batch {
			group.Go(func() {
				if err := fetch(ctx, link); err != nil {
					stop(err)
				}
			})
		}
		group.Wait()
		if ctx.Err() != nil {
			break
		}
	}
	return context.Cause(ctx)
}
