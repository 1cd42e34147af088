package main

import "io"

// An ahead has a file's chunks read by one goroutine, while another looks at those
// before: a pipeline of two stages, as in chapter 06. What was taken stays as it is,
// and may be kept.
type ahead struct {
	chunks chan []byte
	stop   chan struct{}
	err    error // after chunks is closed
	rest   []byte
}

func readAhead(r io.Reader) *ahead {
	a := &ahead{chunks: make(chan []byte, 2), stop: make(chan struct{})}
	go func() {
		defer close(a.chunks)
		for a.err == nil {
			chunk := make([]byte, 1<<20)
			var n int
			n, a.err = io.ReadFull(r, chunk)
			select {
			case a.chunks <- chunk[:n]:
			case <-a.stop:
				return
			}
		}
	}()
	return a
}

// close ends the reading, wherever it is.
func (a *ahead) close() {
	close(a.stop)
	for range a.chunks {
	}
}

// take returns the next n bytes, or io.EOF if there are not so many.
func (a *ahead) take(n int) ([]byte, error) {
	if n <= len(a.rest) {
		taken := a.rest[:n:n]
		a.rest = a.rest[n:]
		return taken, nil
	}
	taken := append(make([]byte, 0, n), a.rest...) // it goes on in the next chunk
	for len(taken) < n {
		chunk, ok := <-a.chunks
		if !ok && (a.err == io.EOF || a.err == io.ErrUnexpectedEOF) {
			return nil, io.EOF
		} else if !ok {
			return nil, a.err
		}
		a.rest = chunk[min(n-len(taken), len(chunk)):]
		taken = append(taken, chunk[:len(chunk)-len(a.rest)]...)
	}
	return taken, nil
}
