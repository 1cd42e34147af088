// Fails with: Which goroutine knows that all senders have returned?

package exercise

import "context"

type Source func(yield func(line string) bool) error

func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	lines := make(chan string)
	done := make(chan error, 1)
	go func() {
		done <- source(func(line string) (ok bool) {
			defer func() {
				if recover() != nil {
					ok = false
				}
			}()
			lines <- line
			return true
		})
	}()
	var hits []string
	for len(hits) < limit {
		select {
		case line := <-lines:
			if match(line) {
				hits = append(hits, line)
			}
		case err := <-done:
			return hits, err
		case <-ctx.Done():
			close(lines)
			<-done
			return hits, context.Cause(ctx)
		}
	}
	close(lines)
	<-done
	return hits, nil
}
