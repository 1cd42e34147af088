// Fails with: the bank returned an error, and Pay called the bank 2 times

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
	ID      string
	Attempt int
	Payload []byte
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
		return fmt.Errorf("%w: invalid payout %+v", ErrPermanent, payout)
	}
	var err error
	for range 3 {
		if err = bank.Pay(ctx, job.ID, payout.Account, payout.Cents); err == nil {
			return nil
		}
	}
	return err
}

// A Policy says when a failed job is retried.
type Policy struct {
	Attempts int
	Backoff  time.Duration
	Cap      time.Duration
}

// Next reports whether a job is retried after the given number of attempts, the last
// of which failed with err, and how long to wait before: random(limit), which is
// between 0 and limit.
func (p Policy) Next(attempts int, err error, random func(limit time.Duration) time.Duration) (wait time.Duration, again bool) {
	if attempts >= p.Attempts || errors.Is(err, ErrPermanent) {
		return 0, false
	}
	limit := p.Backoff
	for range attempts - 1 {
		if limit >= p.Cap/2 {
			limit = p.Cap
			break
		}
		limit *= 2
	}
	return random(min(limit, p.Cap)), true
}
