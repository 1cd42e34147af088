// Fails with: it waits for the slower mirrors

// Package exercise asks several mirrors of a search and answers with the first one
// that knows. The task is in README.md; this is the one file to change.
package exercise

import (
	"context"
	"errors"
	"sync"
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
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var once sync.Once
	var first string
	var good bool
	errs := make([]error, len(mirrors))
	var group sync.WaitGroup
	for i, ask := range mirrors {
		group.Go(func() {
			text, err := ask(asking)
			if err != nil {
				errs[i] = err
				return
			}
			once.Do(func() { first, good = text, true })
		})
	}
	group.Wait()
	if good {
		return first, nil
	}
	if ctx.Err() != nil { // it is because the caller has left that they failed
		return "", context.Cause(ctx)
	}
	return "", errors.Join(errs...)
}
