// Package exercise searches a log for a page that shows the first few hits.
// README.md describes the task; search.go is the only file to change.
package exercise

import (
	"context"
	"sync"
)

// A Source reads a log and passes its lines to yield, one at a time. It returns at
// the end of the log, or soon after yield has returned false, with its error, if
// any. A log that is still being written has no end.
type Source func(yield func(line string) bool) error

// Search returns the first lines that match, at most limit. It reads the log while
// it matches lines, but only a few lines ahead. After the last hit it stops the
// source, which is not an error, and returns when the source has returned. If the
// source fails, Search returns its error and the hits so far. When ctx is done,
// Search stops the source and returns the cause.
func Search(ctx context.Context, source Source, match func(line string) bool, limit int) ([]string, error) {
	var mu sync.Mutex
	changed := sync.NewCond(&mu)
	var slot *string // nil if it is free
	var ended, enough bool
	var err error
	defer context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		changed.Broadcast()
	})()
	go func() {
		e := source(func(line string) bool {
			mu.Lock()
			defer mu.Unlock()
			for slot != nil && !enough && ctx.Err() == nil {
				changed.Wait()
			}
			if enough || ctx.Err() != nil {
				return false
			}
			slot = &line
			changed.Broadcast()
			return true
		})
		mu.Lock()
		defer mu.Unlock()
		ended, err = true, e
		changed.Broadcast()
	}()
	var hits []string
	take := func() (line string, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		for slot == nil && !ended {
			changed.Wait()
		}
		if slot == nil {
			return "", false
		}
		line, slot = *slot, nil
		changed.Broadcast()
		return line, true
	}
	for len(hits) < limit {
		line, ok := take()
		if !ok {
			break
		}
		if match(line) {
			hits = append(hits, line)
		}
	}
	mu.Lock()
	enough = true
	changed.Broadcast()
	for !ended {
		changed.Wait()
	}
	mu.Unlock()
	switch {
	case len(hits) >= limit:
		return hits, nil
	case ctx.Err() != nil:
		return hits, context.Cause(ctx)
	}
	return hits, err
}
