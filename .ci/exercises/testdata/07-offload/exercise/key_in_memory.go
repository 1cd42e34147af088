// Fails with: a process does not know what another one has in memory

package exercise

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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

var keys sync.Map // of each job the key under which this worker pays it

func Pay(ctx context.Context, bank Bank, job Job) error {
	var p payout
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return fmt.Errorf("%w: %w", ErrPermanent, err)
	}
	if p.Cents < 1 {
		return fmt.Errorf("%w: %d cents", ErrPermanent, p.Cents)
	}
	key, _ := keys.LoadOrStore(job.ID, rand.Text())
	return bank.Pay(ctx, key.(string), p.Account, p.Cents)
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
