// Fails with: and more, but Pay

package exercise

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	if err := json.NewDecoder(bytes.NewReader(job.Payload)).Decode(&p); err != nil || p.Cents < 1 {
		return ErrPermanent
	}
	return bank.Pay(ctx, job.ID, p.Account, p.Cents)
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
