// Says: the first that came was an error, and it won

// Package exercise asks several mirrors of a search and answers with the first one
// that knows. The task is in README.md; this is the one file to change.
package exercise

import "context"

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
	asking, stop := context.WithCancel(ctx)
	defer stop()
	answers := make(chan answer, len(mirrors))
	for _, ask := range mirrors {
		go func() {
			text, err := ask(asking)
			answers <- answer{text, err}
		}()
	}
	select {
	case a := <-answers:
		return a.text, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
