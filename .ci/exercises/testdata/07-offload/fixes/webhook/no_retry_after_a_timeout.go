// Fails with: but Webhook called send 1 times

package exercise

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	attempts  = 12                     // at most, including the first one
	firstWait = 100 * time.Millisecond // the limit of the first wait
	longest   = 30 * time.Second       // the limit of all waits
)

// Webhook calls send until it succeeds, up to 12 times, and returns its last error.
// Before each retry it waits a random time between 0 and a limit. The limit is 100 ms
// at first, doubles with each retry, and is never more than 30 s. When ctx is done,
// Webhook returns its cause immediately, even during a wait.
func Webhook(ctx context.Context, send func(ctx context.Context) error) error {
	wait := firstWait
	for attempt := 1; ; attempt++ {
		err := send(ctx)
		if err == nil || attempt == attempts || errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		select {
		case <-time.After(rand.N(wait)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		wait = min(2*wait, longest)
	}
}
