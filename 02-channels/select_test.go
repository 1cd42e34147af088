package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errLeft = errors.New("the client has left")

// after reports an error unless exactly d has passed since began, in fake time.
func after(t *testing.T, began time.Time, d time.Duration) {
	t.Helper()
	if passed := time.Since(began); passed != d {
		t.Errorf("the select proceeded after %v, want %v", passed, d)
	}
}

// TestSelectTakesTheFirstThatIsReady waits for a quick and a slow value (claim 2.5).
func TestSelectTakesTheFirstThatIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		quick, slow := After(time.Second, "quick"), After(time.Minute, "slow")
		if got := First(slow, quick); got != "quick" {
			t.Errorf("select took the %s value", got)
		}
		after(t, began, time.Second)
		if got := First(slow, quick); got != "slow" {
			t.Errorf("select took the %s value", got)
		}
		After(time.Second, "never received")
		time.Sleep(time.Minute) // its goroutine must have ended when the bubble does
	})
}

// TestSelectTimesOut waits for a value that never comes, and for one that comes
// in time (claim 2.5).
func TestSelectTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if got, err := Within(time.Second, make(chan string)); got != "" || !errors.Is(err, ErrTimeout) {
			t.Errorf("no value came, and select returned %q, %v", got, err)
		}
		after(t, began, time.Second)
		if got, err := Within(time.Second, After(time.Millisecond, "in time")); got != "in time" || err != nil {
			t.Errorf("a value came in time, and select returned %q, %v", got, err)
		}
		after(t, began, time.Second+time.Millisecond)
	})
}

// TestSelectStopsWhenCanceled cancels while a receive and a send are blocked (claim 2.5).
func TestSelectStopsWhenCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errLeft) })
		sent := make(chan error)
		go func() { sent <- SendUntil(ctx, make(chan string), "hello") }()
		if got, err := Until(ctx, make(chan string)); got != "" || !errors.Is(err, errLeft) {
			t.Errorf("canceled with a cause, and the receive returned %q, %v", got, err)
		}
		if err := <-sent; !errors.Is(err, errLeft) {
			t.Errorf("canceled with a cause, and the send returned %v", err)
		}
		after(t, began, time.Second)
	})
}

// TestSelectReceivesAndSends has a partner for each operation (claim 2.5).
func TestSelectReceivesAndSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := make(chan string)
		go func() {
			time.Sleep(time.Second)
			if err := SendUntil(t.Context(), c, "hello"); err != nil {
				t.Errorf("a receiver was ready, and the send returned %v", err)
			}
		}()
		if got, err := Until(t.Context(), c); got != "hello" || err != nil {
			t.Errorf("a sender came, and the receive returned %q, %v", got, err)
		}
		after(t, began, time.Second)
	})
}

// TestSelectWithDefaultNeverBlocks tries before and after there is a value (claim 2.5).
func TestSelectWithDefaultNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := make(chan string, 1)
		if got, ok := IfReady(c); ok || got != "" {
			t.Errorf("there was no value, and select returned %q, %t", got, ok)
		}
		c <- "value"
		if got, ok := IfReady(c); got != "value" || !ok {
			t.Errorf("there was a value, and select returned %q, %t", got, ok)
		}
		after(t, began, 0)
	})
}

// TestCheckOfTheContextComesFirst receives nothing once its context is done, and
// otherwise does what Until does (claim 2.5).
func TestCheckOfTheContextComesFirst(t *testing.T) {
	if taken := TakesWhenDone(UntilChecked, 1000); taken != 0 {
		t.Errorf("took %d of 1000 values although ctx was done", taken)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	kept := make(chan string, 1)
	kept <- "value"
	for range 100 {
		UntilChecked(done, kept)
	}
	if len(kept) != 1 {
		t.Error("UntilChecked received a value although ctx was done")
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		if got, err := UntilChecked(ctx, After(time.Second, "value")); got != "value" || err != nil {
			t.Errorf("a value came, and UntilChecked returned %q, %v", got, err)
		}
		time.AfterFunc(time.Second, func() { cancel(errLeft) })
		for range 2 { // while it is blocked, and when ctx is done already
			if _, err := UntilChecked(ctx, make(chan string)); !errors.Is(err, errLeft) {
				t.Errorf("canceled with a cause, and UntilChecked returned %v", err)
			}
		}
	})
}

// TestSelectTakesOneOfSeveralAtRandom runs a select whose context is done and
// whose channel has a value (negative control of 2.5). That all of 1,000 selects
// take the same case has a probability of 2 to the power of -999.
func TestSelectTakesOneOfSeveralAtRandom(t *testing.T) {
	var asked int
	if taken := TakesWhenDone(func(ctx context.Context, c <-chan string) (string, error) {
		if asked++; ctx.Err() == nil || len(c) != 1 {
			t.Errorf("the context's error is %v and there are %d values, want the context done and one value", ctx.Err(), len(c))
		}
		return "", map[bool]error{true: errLeft}[asked > 3]
	}, 5); taken != 3 || asked != 5 {
		t.Errorf("of %d calls, of which 3 returned a value, %d are counted; want 5 and 3", asked, taken)
	}
	if taken := TakesWhenDone(Until, 1000); taken == 0 || taken == 1000 {
		t.Errorf("with both cases ready, select took the value %d of 1000 times; want it to choose at random", taken)
	}
	first := 0
	for range 1000 {
		a, b := make(chan string, 1), make(chan string, 1)
		a <- "a"
		b <- "b"
		if First(a, b) == "a" {
			first++
		}
	}
	if first == 0 || first == 1000 {
		t.Errorf("with both channels ready, First took the value of a %d of 1000 times; want it to choose at random", first)
	}
}
