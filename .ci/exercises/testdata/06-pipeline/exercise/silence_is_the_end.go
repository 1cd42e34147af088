// Fails with: only the return of the source is the end of the log, silence is not

package exercise

import (
	"context"
	"time"
)

type Source func(yield func(line string) bool) error

func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	own, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := make(chan string)
	done := make(chan error, 1)
	go func() {
		done <- source(func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-own.Done():
				return false
			}
		})
	}()
	var hits []string
	quiet := time.NewTimer(3 * time.Second)
loop:
	for len(hits) < limit {
		quiet.Reset(3 * time.Second)
		select {
		case line := <-lines:
			if match(line) {
				hits = append(hits, line)
			}
		case <-quiet.C:
			break loop
		}
	}
	cancel()
	err := <-done
	if err == nil && len(hits) < limit {
		err = context.Cause(ctx)
	}
	return hits, err
}
