package main

import (
	"context"
	"sync"
	"time"
)

// A Bucket is a rate limiter: a token bucket. It holds up to Burst tokens and gets a
// new one every Interval. Take removes a token, or waits for one. How long a task
// then takes does not matter: the Bucket limits how many begin per second, not how
// many run at the same time.
type Bucket struct {
	Interval time.Duration
	Burst    int // fewer than 1 count as 1; Burst × Interval must fit in a time.Duration

	mu   sync.Mutex
	next time.Time // when the next free token is due; guarded by mu
}

// Take waits for a token, and returns nil when it is due. The tokens are given out
// in the order of the calls. If ctx is done, Take returns context.Cause(ctx): done
// before the call, it costs no token; done while Take waits, the token is lost.
func (b *Bucket) Take(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	b.mu.Lock()
	full := time.Now().Add(-time.Duration(max(b.Burst, 1)-1) * b.Interval) // a full bucket has been filling since then
	if b.next.Before(full) {
		b.next = full
	}
	wait := time.Until(b.next)
	b.next = b.next.Add(b.Interval)
	b.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
	}
	return context.Cause(ctx)
}
