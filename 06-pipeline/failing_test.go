package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

var errBroken = errors.New("broken")

// failAt returns work that takes 1 s, and fails with item n.
func failAt(n int, err error) func(context.Context, int) (int, error) {
	return func(ctx context.Context, item int) (int, error) {
		if _, cancelled := taking(time.Second)(ctx, item); cancelled != nil {
			return 0, cancelled
		}
		if item == n {
			return 0, err
		}
		return item, nil
	}
}

// endless emits numbers without an end.
func endless(_ context.Context, emit func(int) error) error {
	for n := 1; ; n++ {
		if err := emit(n); err != nil {
			return err
		}
	}
}

// consume is a consumer that takes everything.
func consume(in <-chan int) error {
	for range in {
	}
	return nil
}

// TestErrorOfOneStageStopsThemAll lets each part of a pipeline with an endless
// source fail in turn (claim 6.5). Run returns that error, at the very instant at
// which it happens, and no goroutine remains (the bubble would panic).
func TestErrorOfOneStageStopsThemAll(t *testing.T) {
	slow := taking(time.Second)
	for _, test := range []struct {
		fails string
		at    time.Duration
		body  func(p *Pipeline) error
	}{
		{"the source", 7 * time.Second, func(p *Pipeline) error {
			return consume(Stage(p, 1, Source(p, func(ctx context.Context, emit func(int) error) error {
				time.Sleep(7 * time.Second)
				return errBroken
			}), slow))
		}},
		{"the first stage", 7 * time.Second, func(p *Pipeline) error {
			return consume(Stage(p, 1, Stage(p, 1, Source(p, endless), failAt(7, errBroken)), slow))
		}},
		{"the last stage", 8 * time.Second, func(p *Pipeline) error {
			return consume(Stage(p, 1, Stage(p, 1, Source(p, endless), slow), failAt(7, errBroken)))
		}},
		{"one of four workers", 2 * time.Second, func(p *Pipeline) error {
			return consume(Stage(p, 1, Stage(p, 4, Source(p, endless), failAt(7, errBroken)), same))
		}},
		{"one of four workers of Ordered", 2 * time.Second, func(p *Pipeline) error {
			return consume(Stage(p, 1, Ordered(p, 4, Source(p, endless), failAt(7, errBroken)), same))
		}},
		{"the consumer", 8 * time.Second, func(p *Pipeline) error {
			for n := range Stage(p, 1, Stage(p, 1, Source(p, endless), slow), slow) {
				if n == 7 {
					return errBroken
				}
			}
			return nil
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			err := Run(t.Context(), test.body)
			if err != errBroken {
				t.Errorf("%s failed, and Run returned %v instead of its error", test.fails, err)
			}
			if took := time.Since(began); took != test.at {
				t.Errorf("%s failed after %v, and Run returned after %v: some stage did not hear of it", test.fails, test.at, took)
			}
		})
	}
}

// TestFirstErrorIsTheOneReturned lets several workers fail: one first, the others
// because of that, and another one later, with an error of its own (claim 6.5).
func TestFirstErrorIsTheOneReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := errors.New("the first error")
		err := Run(t.Context(), func(p *Pipeline) error {
			return consume(Stage(p, 4, Source(p, endless), func(ctx context.Context, n int) (int, error) {
				switch n {
				case 1:
					time.Sleep(time.Second)
					return 0, first
				case 2:
					time.Sleep(2 * time.Second) // deaf to the stop
					return 0, errBroken
				}
				<-ctx.Done()
				return 0, fmt.Errorf("item %d: %w", n, ctx.Err())
			}))
		})
		if err != first {
			t.Errorf("Run returned %q: it masks %q, which came first", err, first)
		}
	})
}

// TestCancellationOfTheCallerIsReturnedWithItsCause cancels from outside, and
// nobody else says why (claim 6.5). A consumer that sees a closed channel must not
// take that for the end of the input: Run returns the caller's reason.
func TestCancellationOfTheCallerIsReturnedWithItsCause(t *testing.T) {
	for name, start := range starters {
		synctest.Test(t, func(t *testing.T) {
			clientLeft := errors.New("the client left")
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(90*time.Second, func() { cancel(clientLeft) })
			began := time.Now()
			err := Run(ctx, func(p *Pipeline) error {
				return consume(start(p, 4, Source(p, endless), taking(time.Minute)))
			})
			if err != clientLeft {
				t.Errorf("%s: the caller cancelled because %q, and Run returned %v", name, clientLeft, err)
			}
			if took := time.Since(began); took != 90*time.Second {
				t.Errorf("%s: the caller cancelled after 1m30s, and Run returned after %v", name, took)
			}
		})
	}
}

// TestStopIsNoticedByAStageThatNeverWaits cancels an endless source whose items
// are taken at once, so that there is always room for the next (claim 6.5).
func TestStopIsNoticedByAStageThatNeverWaits(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	taken := make(chan struct{}, 1)
	afterwards := 0
	err := Run(ctx, func(p *Pipeline) error {
		for n := range Source(p, func(_ context.Context, emit func(int) error) error {
			for n := 1; ; n++ {
				if err := emit(n); err != nil {
					return err
				}
				<-taken
			}
		}) {
			if n == 100 {
				cancel(errBroken)
			}
			if n > 100 {
				afterwards++
			}
			if afterwards == 10 { // or it would go on for ever
				close(taken)
				break
			}
			taken <- struct{}{}
		}
		return nil
	})
	if err != errBroken || afterwards > 0 {
		t.Errorf("after the stop %d more items came; Run returned %v", afterwards, err)
	}
}
