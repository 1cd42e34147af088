// Fails with: ctx was canceled while the source was closing its file: Search returned, but the source had not

package exercise

import "context"

type Source func(yield func(line string) bool) error

func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan string)
	done := make(chan struct{})
	var err error
	go func() {
		err = source(func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-own.Done():
				return false
			}
		})
		close(done)
	}()
	var hits []string
	for {
		select {
		case line := <-lines:
			if !match(line) {
				continue
			}
			hits = append(hits, line)
			if len(hits) >= limit {
				cancel()
				select {
				case <-done:
				case <-ctx.Done():
				}
				return hits, nil
			}
		case <-done:
			return hits, err
		case <-own.Done():
			<-done
			return hits, context.Cause(ctx)
		}
	}
}
