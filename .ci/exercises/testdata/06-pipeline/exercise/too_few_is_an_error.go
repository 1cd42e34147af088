// Fails with: which is no error

// Package exercise searches a log for a page that shows the first few hits. The
// task is in README.md; this is the one file to change.
package exercise

import (
	"context"
	"io"
)

// A Source reads a log and passes its lines to yield, one after the other. It ends
// at the log's end, or soon after yield has returned false, and returns what went
// wrong, if anything did. A log that is being written has no end.
type Source func(yield func(line string) bool) error

// Search returns the first lines that match, at most limit of them. The log is
// read while lines are matched, in a goroutine of its own that is hardly ahead;
// with the last hit it is told to stop, and Search returns when it has ended. To
// stop it is no error. An error of the source is returned, with the hits so far.
// When ctx ends, Search stops the source and returns the cause.
func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	lines := make(chan string)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		failed <- source(func(line string) bool {
			select {
			case lines <- line:
				return true
			case <-reading.Done():
				return false
			}
		})
	}()
	var hits []string
	for line := range lines {
		if len(hits) < limit && match(line) {
			hits = append(hits, line)
		}
		if len(hits) == limit {
			stop()
		}
	}
	if err := <-failed; err != nil {
		return hits, err
	}
	if err := context.Cause(ctx); err != nil {
		return hits, err
	}
	if len(hits) < limit {
		return nil, io.ErrUnexpectedEOF
	}
	return hits, nil
}
