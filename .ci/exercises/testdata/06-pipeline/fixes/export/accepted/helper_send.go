package exercise

import "context"

// Export is a stage: it turns each row into a line, and closes its channel after
// the last one. When ctx is done, no goroutine receives lines any more; then the
// stage ends, although rows may never be closed.
func Export(ctx context.Context, rows <-chan []string, format func(row []string) string) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		send := func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for {
			var row []string
			var ok bool
			select {
			case row, ok = <-rows:
			case <-ctx.Done():
			}
			if !ok || !send(format(row)) {
				return
			}
		}
	}()
	return lines
}
