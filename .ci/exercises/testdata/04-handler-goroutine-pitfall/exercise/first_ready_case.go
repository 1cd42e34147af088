// Fails with: if several of its cases are ready, it takes one at random

package exercise

import (
	"context"
	"errors"
	"sync"
)

type Mirror func(ctx context.Context) (string, error)

func First(ctx context.Context, mirrors ...Mirror) (string, error) {
	asking, stop := context.WithCancel(ctx)
	defer stop()
	won := make(chan string, len(mirrors))
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	for _, ask := range mirrors {
		wg.Go(func() {
			t, err := ask(asking)
			if err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
				return
			}
			won <- t
		})
	}
	all := make(chan struct{})
	go func() { wg.Wait(); close(all) }()
	select {
	case t := <-won:
		return t, nil
	case <-all:
		return "", errors.Join(errs...)
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
