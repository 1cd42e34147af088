// Fails with: a cap on the result of random gives most jobs the same wait

// Package exercise pays authors in a worker. README.md describes the task;
// payout.go is the only file to change.
package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A Job is a payout. It is delivered at least once: again after a failure, and
// again after its worker has crashed, perhaps to another worker while the first one
// is still running it.
type Job struct {
	ID      string // the same in each delivery
	Attempt int    // 1 for the first
	Payload []byte // {"account": "ada", "cents": 1200}
}

// A Bank pays once for each key: it ignores a second payment with the same key, and
// returns no error for it. An error does not mean that nothing was paid: perhaps
// only the answer was lost.
type Bank interface {
	Pay(ctx context.Context, key, account string, cents int64) error
}

// ErrPermanent is, or is wrapped in, the error of a job that can never succeed.
var ErrPermanent = errors.New("the job can never succeed")

// Pay runs a job. However often the job is delivered, and to however many workers,
// the account is paid once. If the payload is invalid, or the amount is less than
// one cent, the error is ErrPermanent.
func Pay(ctx context.Context, bank Bank, job Job) error {
	var payout struct {
		Account string
		Cents   int64
	}
	if err := json.Unmarshal(job.Payload, &payout); err != nil {
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	if payout.Account == "" || payout.Cents < 1 {
		return fmt.Errorf("%w: %d cents for %q", ErrPermanent, payout.Cents, payout.Account)
	}
	return bank.Pay(ctx, job.ID, payout.Account, payout.Cents)
}

// A Policy says when a failed job is retried.
type Policy struct {
	Attempts int           // at most, including the first one
	Backoff  time.Duration // the limit of the first wait; each further limit is twice the one before
	Cap      time.Duration // but never more than this
}

// Next reports whether a job is retried after the given number of attempts, the last
// of which failed with err, and how long to wait before: random(limit), which is
// between 0 and limit.
func (p Policy) Next(attempts int, err error, random func(limit time.Duration) time.Duration) (wait time.Duration, again bool) {
	if attempts >= p.Attempts || errors.Is(err, ErrPermanent) {
		return 0, false
	}
	limit := p.Backoff << min(attempts-1, 30)
	return min(random(limit), p.Cap), true
}
