// Fails with: an unrecovered panic ended the whole program: send on closed channel

// Package exercise asks several mirrors of a search and answers with the first one
// that knows. The task is in README.md; this is the one file to change.
package exercise

import (
	"context"
	"errors"
)

// A Mirror answers a search. It ends when it has, or soon after ctx does.
type Mirror func(ctx context.Context) (string, error)

// First asks all mirrors at the same time and returns the first good answer as
// soon as it is there; the other mirrors are cancelled then. An error decides
// nothing while another mirror may still answer: only when all have failed their
// errors are returned, joined. When ctx ends, First returns its cause at once.
//
// First does not wait for mirrors that are slow to hear that they are cancelled.
// But each of its goroutines ends when its mirror has ended: none is left behind.
func First(ctx context.Context, mirrors ...Mirror) (string, error) {
	type answer struct {
		text string
		err  error
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	answers := make(chan answer, len(mirrors))
	defer close(answers)
	for _, ask := range mirrors {
		go func() {
			text, err := ask(asking)
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
	if ctx.Err() != nil { // it is because the caller has left that they failed
		return "", context.Cause(ctx)
	}
	return "", errors.Join(errs...)
}
