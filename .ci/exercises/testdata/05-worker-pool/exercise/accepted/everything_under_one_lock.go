// Package exercise checks the links of a site. README.md describes the task;
// links.go is the only file to change.
package exercise

import (
	"context"
	"sync"
)

// CheckLinks fetches each link once. As long as there are enough links, exactly
// workers fetches run at the same time, never more.
//
// The first error stops the rest: CheckLinks starts no further fetch, cancels the
// context of the fetches in flight, and returns that error, not an error that
// occurred later. When ctx is done, CheckLinks stops in the same way and returns
// the cause. It returns when everything that it has started has ended.
func CheckLinks(ctx context.Context, links []string, workers int, fetch func(ctx context.Context, link string) error) error {
	fetching, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex // guards next and first
	var next int
	var first error
	take := func() (link string, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil && ctx.Err() != nil {
			first = context.Cause(ctx)
		}
		if first != nil || next == len(links) {
			return "", false
		}
		next++
		return links[next-1], true
	}
	failed := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() != nil {
			err = context.Cause(ctx) // a consequence
		}
		if first == nil {
			first = err
			cancel()
		}
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for link, ok := take(); ok; link, ok = take() {
				if err := fetch(fetching, link); err != nil {
					failed(err)
				}
			}
		})
	}
	group.Wait()
	return first
}
