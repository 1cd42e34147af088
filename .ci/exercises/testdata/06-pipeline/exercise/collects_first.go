// Fails with: nobody told its source to stop

// Package exercise searches a log for a page that shows the first few hits. The
// task is in README.md; this is the one file to change.
package exercise

import "context"

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
	var lines []string
	err := source(func(line string) bool {
		lines = append(lines, line)
		return ctx.Err() == nil
	})
	var hits []string
	for _, line := range lines {
		if match(line) && len(hits) < limit {
			hits = append(hits, line)
		}
	}
	return hits, err
}
