// Fails with: it polls instead of blocking

package exercise

import (
	"context"
	"errors"
	"sync"
	"time"
)

type Mirror func(ctx context.Context) (string, error)

func First(ctx context.Context, mirrors ...Mirror) (string, error) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	var good *string
	var errs []error
	for _, ask := range mirrors {
		go func() {
			text, err := ask(asking)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
				return
			}
			if good == nil {
				good = &text
			}
		}()
	}
	for tick := time.Tick(100 * time.Millisecond); ; {
		select {
		case <-tick:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
		mu.Lock()
		g, e := good, errors.Join(errs...)
		n := len(errs)
		mu.Unlock()
		if g != nil {
			return *g, nil
		}
		if n == len(mirrors) {
			return "", e
		}
	}
}
