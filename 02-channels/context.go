package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Call is a node in a tree of calls, such as a request that queries a database.
type Call struct {
	Name    string
	Timeout time.Duration // if above 0, the call asks for this deadline
	Calls   []*Call       // those that it makes

	After time.Duration // set by Run: when the call's context was done
	Cause error         // set by Run: why
}

// Run derives a context for c from ctx, runs the calls below c concurrently, and
// returns when the contexts of all are done. Each call then has the time since
// began, and the cause.
func (c *Call) Run(ctx context.Context, began time.Time) {
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	var wg sync.WaitGroup
	for _, below := range c.Calls {
		wg.Go(func() { below.Run(ctx, began) })
	}
	<-ctx.Done()
	c.After, c.Cause = time.Since(began), context.Cause(ctx)
	wg.Wait()
}

// Prices returns a channel that delivers prices until the caller calls stop, which
// returns when the goroutine that sends them has ended. That goroutine also ends when
// ctx is done, perhaps a few prices later: of two cases that are ready, select takes
// any. The caller must call stop: otherwise the goroutine and the derived context stay
// until ctx is done, and ctx refers to them.
func Prices(ctx context.Context, running *atomic.Int64) (prices <-chan int, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	c, ended := make(chan int), make(chan struct{})
	running.Add(1)
	go func() {
		defer close(ended)
		defer running.Add(-1)
		for price := 100; ; price++ {
			select {
			case c <- price:
			case <-ctx.Done():
				return
			}
		}
	}()
	return c, func() { cancel(); <-ended }
}

// FirstPrice receives one price and stops the goroutine that sends them.
func FirstPrice(ctx context.Context, running *atomic.Int64) int {
	prices, stop := Prices(ctx, running)
	defer stop()
	return <-prices
}

// FirstPriceNeverStopped is the wrong way: it discards stop.
func FirstPriceNeverStopped(ctx context.Context, running *atomic.Int64) int {
	prices, _ := Prices(ctx, running)
	return <-prices
}

// LeftRunning calls first n times with one context and returns how many
// goroutines of Prices are running then. After that it cancels the context.
func LeftRunning(n int, first func(context.Context, *atomic.Int64) int) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var running atomic.Int64
	for range n {
		first(ctx, &running)
	}
	return int(running.Load())
}
