// Fails with: the first error is "404 Not Found", but CheckLinks returned "fetching /page/

package exercise

import (
	"context"
	"sync"
	"sync/atomic"
)

func CheckLinks(ctx context.Context, links []string, workers int, fetch func(ctx context.Context, link string) error) error {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var group sync.WaitGroup
	var once sync.Once
	var first error
	for range workers {
		group.Go(func() {
			for own.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(links) {
					return
				}
				if err := fetch(own, links[i]); err != nil {
					cancel()
					once.Do(func() { first = err })
				}
			}
		})
	}
	group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return first
}
