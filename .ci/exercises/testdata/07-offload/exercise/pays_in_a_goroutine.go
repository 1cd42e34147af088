// Fails with: the job was canceled, but ada was paid

package exercise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

type Job struct {
	ID      string
	Attempt int
	Payload []byte
}

type Bank interface {
	Pay(ctx context.Context, key, account string, cents int64) error
}

var ErrPermanent = errors.New("the job can never succeed")

type Policy struct {
	Attempts int
	Backoff  time.Duration
	Cap      time.Duration
}

type payout struct {
	Account string
	Cents   int64
}

func Pay(ctx context.Context, bank Bank, job Job) error {
	var p payout
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	if p.Cents < 1 {
		return fmt.Errorf("%w: %d cents", ErrPermanent, p.Cents)
	}
	paid := make(chan error, 1)
	go func() { paid <- bank.Pay(context.Background(), job.ID, p.Account, p.Cents) }()
	select {
	case err := <-paid:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p Policy) Next(attempts int, err error, random func(limit time.Duration) time.Duration) (wait time.Duration, again bool) {
	if attempts >= p.Attempts || errors.Is(err, ErrPermanent) {
		return 0, false
	}
	limit := min(p.Backoff, p.Cap)
	for range attempts - 1 {
		if limit > p.Cap/2 {
			limit = p.Cap
			break
		}
		limit *= 2
	}
	return random(limit), true
}
