// Fails with: goroutines that it started are still blocked

package exercise

import "context"

type Source func(yield func(line string) bool) error

func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	stop := make(chan struct{})
	enough := make(chan struct{})
	lines := make(chan string)
	var err error
	go func() {
		select {
		case <-ctx.Done():
		}
		close(stop)
	}()
	go func() {
		defer close(lines)
		err = source(func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-stop:
				return false
			case <-enough:
				return false
			}
		})
	}()
	var hits []string
	for line := range lines {
		if len(hits) < limit && match(line) {
			hits = append(hits, line)
			if len(hits) == limit {
				close(enough)
			}
		}
	}
	if len(hits) < limit && err == nil {
		err = context.Cause(ctx)
	}
	return hits, err
}
