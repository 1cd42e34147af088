// Fails with: it has a deadline of its own

package exercise

import (
	"context"
	"errors"
	"time"
)

type Mirror func(ctx context.Context) (string, error)

func First(ctx context.Context, mirrors ...Mirror) (string, error) {
	type answer struct {
		text string
		err  error
	}
	asking, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	answers := make(chan answer, len(mirrors))
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
		case <-asking.Done():
			return "", context.Cause(asking)
		}
	}
	return "", errors.Join(errs...)
}
