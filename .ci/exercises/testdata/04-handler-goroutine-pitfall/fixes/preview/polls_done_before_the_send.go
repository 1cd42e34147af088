// Fails with: goroutines that it started are still blocked

package exercise

import (
	"context"
)

func Preview(ctx context.Context, url string,
	fetch func(ctx context.Context, url string) (title string, err error)) (string, error) {
	titles, failures := make(chan string), make(chan error)
	go func() {
		title, err := fetch(ctx, url)
		select {
		case <-ctx.Done():
			return
		default:
		}
		if err != nil {
			failures <- err
			return
		}
		titles <- title
	}()
	select {
	case title := <-titles:
		return title, nil
	case err := <-failures:
		return "", err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
