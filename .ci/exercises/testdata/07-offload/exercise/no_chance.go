// Fails with: random(6s) says 2s, and Next returns

// Package exercise pays authors, in a worker. The task is in README.md; this is the
// one file to change.
package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Job is a payout. It comes at least once: again after a failure, and again when
// its worker died, perhaps to another worker while the first one is still at it.
type Job struct {
	ID      string // the same each time it comes
	Attempt int    // 1 for the first
	Payload []byte // {"account": "ada", "cents": 1200}
}

// A Bank pays, once for each key: a second payment under a key that it has seen is
// ignored, and is no error. An error does not say that nothing was paid: perhaps
// only the answer was lost.
type Bank interface {
	Pay(ctx context.Context, key, account string, cents int64) error
}

// ErrPermanent is (or is wrapped in) the error of a job that will never succeed.
var ErrPermanent = errors.New("it will never succeed")

// Pay does a job. However often it comes, and to however many workers, the account
// is paid once. A payload that is no good, or not for at least one cent, is ErrPermanent.
func Pay(ctx context.Context, bank Bank, job Job) error {
	var payout struct {
		Account string
		Cents   int64
	}
	if err := json.Unmarshal(job.Payload, &payout); err != nil {
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	if payout.Cents < 1 {
		return fmt.Errorf("%w: %d cents", ErrPermanent, payout.Cents)
	}
	return bank.Pay(ctx, job.ID, payout.Account, payout.Cents)
}

// A Policy says when a job that has failed is tried again.
type Policy struct {
	Attempts int           // at most, the first one included
	Backoff  time.Duration // the limit of the first wait; the next one's is twice that, and so on
	Cap      time.Duration // but never more than this
}

// Next says whether a job is tried again after so many attempts, the last of which
// failed with err, and how long to wait: random(limit), which is somewhere from 0 to limit.
func (p Policy) Next(attempts int, err error, random func(limit time.Duration) time.Duration) (wait time.Duration, again bool) {
	if attempts >= p.Attempts || errors.Is(err, ErrPermanent) {
		return 0, false
	}
	limit := p.Backoff
	for range attempts - 1 {
		if limit *= 2; limit >= p.Cap {
			break
		}
	}
	return min(limit, p.Cap), true
}
