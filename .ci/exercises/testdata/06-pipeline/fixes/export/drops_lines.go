// Fails with: rows were sent, the first one without columns, but

package exercise

import "context"

// Export is a stage: it turns each row into a line, and closes its channel after
// the last one. When ctx is done, no goroutine receives lines any more; then the
// stage ends, although rows may never be closed.
func Export(ctx context.Context, rows <-chan []string, format func(row []string) string) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for {
			select {
			case row, ok := <-rows:
				if !ok {
					return
				}
				select {
				case lines <- format(row):
				case <-ctx.Done():
					return
				default:
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
