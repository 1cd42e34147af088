package main

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallersDuringACallShareTheNextOne: the first caller does not wait for others,
// and those that add during its call share the next one, in their order, up to the limit.
func TestCallersDuringACallShareTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, calls := slowBatch(3)
		began := time.Now()
		var group sync.WaitGroup
		for n := range 5 {
			wait := b.Add(n)
			group.Go(func() {
				if out, err := wait(t.Context()); err != nil || out != fmt.Sprint(n) {
					t.Errorf("caller %d got %q, %v", n, out, err)
				}
			})
			if n == 0 {
				synctest.Wait() // its call has begun
			}
		}
		group.Wait()
		if got := fmt.Sprint(*calls); got != "[[0] [1 2 3] [4]]" || time.Since(began) != 3*time.Second {
			t.Errorf("5 callers with a limit of 3: calls %s in %v, want [[0] [1 2 3] [4]] in 3s", got, time.Since(began))
		}
	})
}

// TestDoneContextPassesNothingOn, although its caller could make the call itself.
func TestDoneContextPassesNothingOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	passed := 0
	b := newBatch(10, func(in []int) []int { passed += len(in); return in })
	for n := range 100 {
		if _, err := b.Add(n)(ctx); err != context.Canceled {
			t.Errorf("its context was canceled before, and it got %v, want %v", err, context.Canceled)
		}
	}
	if passed > 0 {
		t.Errorf("the contexts of all 100 callers were done before, but %d inputs were passed on", passed)
	}
}

// TestCallerThatMakesACallEndsItForTheOthers, although its own context is done meanwhile.
func TestCallerThatMakesACallEndsItForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, calls := slowBatch(10)
		leaves, stays := b.Add(0), b.Add(1)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began := time.Now()
		left := make(chan time.Duration, 1)
		go func() {
			leaves(ctx)
			left <- time.Since(began)
		}()
		synctest.Wait() // it has begun the call
		if out, err := stays(t.Context()); err != nil || out != "1" {
			t.Errorf("the caller that stays got %q, %v", out, err)
		}
		if after := <-left; after != time.Second {
			t.Errorf("the caller that makes the call returned after %v, want 1s, when the call has ended", after)
		}
		if got := fmt.Sprint(*calls); got != "[[0 1]]" {
			t.Errorf("calls %s, want [[0 1]]", got)
		}
	})
}
