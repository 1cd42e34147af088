package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowBatch returns a batch whose call takes a second, and the inputs of each call.
func slowBatch(limit int) (*Batch[int, string], *[][]int) {
	var calls [][]int
	b := newBatch(limit, func(in []int) (out []string) {
		calls = append(calls, in)
		time.Sleep(time.Second)
		for _, n := range in {
			out = append(out, fmt.Sprint(n))
		}
		return out
	})
	return b, &calls
}

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

// TestCallerThatLeavesDoesNotHurtTheOthers: its context is done before the next call.
// So what it added is never passed on.
func TestCallerThatLeavesDoesNotHurtTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, calls := slowBatch(10)
		var others sync.WaitGroup
		stays := func(n int) {
			wait := b.Add(n)
			others.Go(func() {
				if out, err := wait(t.Context()); err != nil || out != fmt.Sprint(n) {
					t.Errorf("caller %d got %q, %v", n, out, err)
				}
			})
			synctest.Wait()
		}
		stays(0) // and makes the first call
		leaves := b.Add(1)
		stays(2)
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := leaves(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 500*time.Millisecond {
			t.Errorf("it left with %v after %v, want its deadline after 500ms", err, time.Since(began))
		}
		others.Wait()
		if got := fmt.Sprint(*calls); got != "[[0] [2]]" {
			t.Errorf("calls %s, want [[0] [2]]", got)
		}
	})
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
