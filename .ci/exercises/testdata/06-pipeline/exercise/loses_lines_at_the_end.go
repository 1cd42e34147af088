// Fails with: the source failed after the hit "error line 10" in its last line, but Search returned the hits []

package exercise

import "context"

type Source func(yield func(line string) bool) error

func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	lines := make(chan string, 4)
	stop := make(chan struct{})
	errs := make(chan error, 1)
	go func() {
		errs <- source(func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-stop:
				return false
			}
		})
	}()
	var hits []string
	for {
		select {
		case line := <-lines:
			if match(line) {
				hits = append(hits, line)
				if len(hits) == limit {
					close(stop)
					<-errs
					return hits, nil
				}
			}
		case err := <-errs:
			return hits, err
		case <-ctx.Done():
			close(stop)
			<-errs
			return hits, context.Cause(ctx)
		}
	}
}
