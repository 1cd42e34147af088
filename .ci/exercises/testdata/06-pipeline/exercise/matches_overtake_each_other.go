// Fails with: it takes a minute to match "error line 10"; Search returned ["error line 20" "error line 30"]

package exercise

import (
	"context"
	"sync"
)

type Source func(yield func(line string) bool) error

func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var hits []string
	sem := make(chan struct{}, 8)
	err := source(func(line string) bool {
		select {
		case sem <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		wg.Go(func() {
			defer func() { <-sem }()
			if match(line) {
				mu.Lock()
				defer mu.Unlock()
				if len(hits) < limit {
					hits = append(hits, line)
				}
			}
		})
		mu.Lock()
		defer mu.Unlock()
		return len(hits) < limit
	})
	wg.Wait()
	if err == nil && len(hits) < limit {
		err = context.Cause(ctx)
	}
	return hits, err
}
