// Says: nobody told it to stop

// Package exercise asks several mirrors of a search and answers with the first one
// that knows. The task is in README.md; this is the one file to change.
package exercise

import (
	"context"
	"errors"
)

// A Mirror answers a search. It ends soon after ctx does.
type Mirror func(ctx context.Context) (string, error)

// First asks all mirrors at the same time and returns the first answer. The others
// are cancelled then. An error decides only when all have failed: then all of them
// are returned, joined. When ctx ends, First returns why, at once. Whatever
// happens, none of its goroutines is left behind once the mirrors have ended.
//
// This is a goroutine in a handler as it may be: it does not outlive the request.
func First(ctx context.Context, mirrors ...Mirror) (string, error) {
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, len(mirrors))
	for _, ask := range mirrors {
		go func() {
			text, err := ask(ctx)
			answers <- answer{text, err}
		}()
	}
	var errs []error
	for range mirrors {
		select {
		case a := <-answers:
			if a.err == nil {
				return a.text, nil
			}
			errs = append(errs, a.err)
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	return "", errors.Join(errs...)
}
