package exercise

import "context"

// Export is a stage: it turns each row into a line, and closes its channel after
// the last one. When ctx is done, no goroutine receives lines any more; then the
// stage ends, although rows may never be closed.
func Export(ctx context.Context, rows <-chan []string, format func(row []string) string) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		in, out, line := rows, (chan string)(nil), ""
		for {
			select {
			case row, ok := <-in:
				if !ok {
					return
				}
				in, out, line = nil, lines, format(row)
			case out <- line:
				in, out = rows, nil
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}
