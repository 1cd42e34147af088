package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestCancellationReachesEveryCallBelow cancels a request with a cause while the
// calls below it run (claim 2.9). A call that times out by itself ends neither
// its caller nor its siblings, and one that asks for more time than its caller
// has left does not get it.
func TestCancellationReachesEveryCallBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := errors.New("the client has left")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(left) })
		short := &Call{Name: "cache", Timeout: time.Second} // the last of its siblings, so that one at a time would be too late
		long := &Call{Name: "row", Timeout: time.Hour}
		query := &Call{Name: "query", Timeout: 2 * time.Minute, Calls: []*Call{long}}
		request := &Call{Name: "request", Calls: []*Call{query, short}}
		began := time.Now()
		request.Run(ctx, began)
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Run returned after %v, want 3s", took)
		}
		for _, want := range []struct {
			*Call
			after time.Duration
			cause error
		}{
			{short, time.Second, context.DeadlineExceeded}, {request, 3 * time.Second, left}, {query, 3 * time.Second, left}, {long, 3 * time.Second, left},
		} {
			if want.After != want.after || !errors.Is(want.Cause, want.cause) {
				t.Errorf("%s: done after %v, cause %v; want %v, %v", want.Name, want.After, want.Cause, want.after, want.cause)
			}
		}
	})
}

// TestDerivedDeadlineNeverExtends asks for an hour where a minute is left (claim 2.9).
func TestDerivedDeadlineNeverExtends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		row := &Call{Name: "row", Timeout: time.Hour}
		row.Run(ctx, time.Now())
		if row.After != time.Minute || !errors.Is(row.Cause, context.DeadlineExceeded) {
			t.Errorf("done after %v, cause %v; want 1m0s, %v", row.After, row.Cause, context.DeadlineExceeded)
		}
	})
}

// TestDeadlineGoesDownTheTree has a call without a deadline below one that has one
// (claim 2.9). Times are measured from began.
func TestDeadlineGoesDownTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		began := time.Now()
		time.Sleep(time.Second)
		row := &Call{Name: "row", Timeout: -time.Hour} // as none
		query := &Call{Name: "query", Timeout: time.Minute, Calls: []*Call{row}}
		query.Run(ctx, began)
		if row.After != time.Minute+time.Second || !errors.Is(row.Cause, context.DeadlineExceeded) {
			t.Errorf("the call below is done after %v, cause %v; want 1m1s and the deadline of its caller", row.After, row.Cause)
		}
	})
}

// TestStopEndsTheStream stops streams of prices, by the caller and by the
// context (claim 2.9). When stop has returned, no goroutine is left.
func TestStopEndsTheStream(t *testing.T) {
	if left := LeftRunning(10, FirstPrice); left != 0 {
		t.Errorf("%d of 10 goroutines are left after stop", left)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var running atomic.Int64
		prices, stop := Prices(ctx, &running)
		if running.Load() != 1 {
			t.Errorf("Prices has returned, and %d goroutines are counted", running.Load())
		}
		time.Sleep(24 * time.Hour)
		for want := 100; want < 1100; want++ {
			if price := <-prices; price != want {
				t.Fatalf("the price is %d, want %d", price, want)
			}
		}
		if running.Load() != 1 {
			t.Errorf("%d goroutines run, want 1 until it is stopped", running.Load())
		}
		cancel()
		synctest.Wait()
		if running.Load() != 0 {
			t.Error("ctx is canceled, but the goroutine still runs")
		}
		stop() // again, and after cancel
		stop()
		for range 100 {
			if got := FirstPrice(t.Context(), &running); got != 100 || running.Load() != 0 {
				t.Fatalf("the first price is %d, want 100; %d goroutines are left after stop", got, running.Load())
			}
		}
	})
}

// watched is a context that counts the contexts derived from it and not yet canceled: each
// registers a function with it.
type watched struct {
	context.Context
	derived atomic.Int64
}

func (w *watched) AfterFunc(f func()) (stop func() bool) {
	w.derived.Add(1)
	unregister := context.AfterFunc(w.Context, f)
	return func() bool { w.derived.Add(-1); return unregister() }
}

func (w *watched) Value(any) any { return nil } // or package context would find the context inside

// TestDerivedContextStaysUntilStop counts how often ctx refers to a context of Prices.
func TestDerivedContextStaysUntilStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	parent := &watched{Context: ctx}
	var running atomic.Int64
	_, stop := Prices(parent, &running)
	if n := parent.derived.Load(); n != 1 {
		t.Errorf("before stop is called, ctx refers to %d derived contexts, want 1", n)
	}
	if stop(); parent.derived.Load() != 0 {
		t.Errorf("after stop, ctx refers to %d derived contexts, want none", parent.derived.Load())
	}
}

// TestLeftRunningHasOneContext for all calls, and cancels it when it has counted.
func TestLeftRunningHasOneContext(t *testing.T) {
	var contexts []context.Context
	left := LeftRunning(3, func(ctx context.Context, running *atomic.Int64) int {
		if ctx.Err() != nil {
			t.Errorf("call %d has a context that is canceled already", len(contexts)+1)
		}
		contexts = append(contexts, ctx)
		running.Add(1)
		return 0
	})
	if left != 3 || len(contexts) != 3 || contexts[0] != contexts[1] || contexts[0] != contexts[2] || contexts[0].Err() == nil {
		t.Errorf("got %d after %d calls with the contexts %v, want 3 after 3 calls with one that is canceled then", left, len(contexts), contexts)
	}
}

// TestStreamThatIsNeverStoppedLeaks discards stop (negative control of 2.9): a
// goroutine stays for each call, until the parent context is canceled.
func TestStreamThatIsNeverStoppedLeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // ends only because LeftRunning cancels the parent
		if left := LeftRunning(10, FirstPriceNeverStopped); left != 10 {
			t.Errorf("%d of 10 goroutines are left; want 10, because no caller stops them", left)
		}
	})
}
