// Fails with: goroutines that it started are still blocked

package exercise

import "context"

// Preview returns the title of the page at url, or the error of fetch. When ctx
// is done first, it returns the cause immediately. fetch may go on for a while
// after ctx is done, but it always returns eventually.
func Preview(ctx context.Context, url string,
	fetch func(ctx context.Context, url string) (title string, err error)) (string, error) {
	titles, failures := make(chan string), make(chan error, 1)
	go func() {
		title, err := fetch(ctx, url)
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
