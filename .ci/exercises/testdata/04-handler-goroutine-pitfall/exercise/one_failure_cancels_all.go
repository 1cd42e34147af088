// Fails with: one failure must not cancel the others

package exercise

import (
	"context"
	"errors"
)

type Mirror func(ctx context.Context) (string, error)

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
			stop()
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
