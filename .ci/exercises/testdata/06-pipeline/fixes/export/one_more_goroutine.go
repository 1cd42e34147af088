// Fails with: but its goroutine still blocks in the send

package exercise

import "context"

// Export is a stage: it turns each row into a line, and closes its channel after
// the last one. When ctx is done, no goroutine receives lines any more; then the
// stage ends, although rows may never be closed.
func Export(ctx context.Context, rows <-chan []string, format func(row []string) string) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for row := range rows {
			if ctx.Err() != nil {
				return
			}
			line := format(row)
			go func() { <-ctx.Done() }()
			lines <- line
		}
	}()
	return lines
}
