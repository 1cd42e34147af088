package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// at reports an error unless exactly d has passed since began.
func at(t *testing.T, began time.Time, d time.Duration) {
	t.Helper()
	if passed := time.Since(began); passed != d {
		t.Errorf("the select ended after %v, and should have after exactly %v", passed, d)
	}
}

// TestSelectTakesWhicheverComesFirst waits for a quick one and a slow one (claim 2.5).
func TestSelectTakesWhicheverComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		quick, slow := After(time.Second, "quick"), After(time.Minute, "slow")
		if got := First(slow, quick); got != "quick" {
			t.Errorf("select took the %s one", got)
		}
		at(t, began, time.Second)
		<-slow // nobody may be left in the bubble
	})
}

// TestSelectGivesUpAtATimeout waits for nothing and for something in time (claim 2.5).
func TestSelectGivesUpAtATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if got, err := Within(time.Second, make(chan string)); !errors.Is(err, ErrTimeout) {
			t.Errorf("nothing ever came, and select gave %q, %v", got, err)
		}
		at(t, began, time.Second)
		if got, err := Within(time.Second, After(time.Millisecond, "in time")); got != "in time" || err != nil {
			t.Errorf("something came in time, and select gave %q, %v", got, err)
		}
		at(t, began, time.Second+time.Millisecond)
	})
}

// TestSelectStopsAtACancellation cancels while select waits (claim 2.5).
func TestSelectStopsAtACancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		gone := errors.New("the client has gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if got, err := Until(ctx, make(chan string)); !errors.Is(err, gone) {
			t.Errorf("cancelled with a cause, and select gave %q, %v", got, err)
		}
		at(t, began, time.Second)
	})
}

// TestSelectWithDefaultDoesNotWait looks twice, before and after there is something (claim 2.5).
func TestSelectWithDefaultDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := make(chan string, 1)
		if got, ok := IfThere(c); ok {
			t.Errorf("nothing was there, and select gave %q", got)
		}
		c <- "something"
		if got, ok := IfThere(c); got != "something" || !ok {
			t.Errorf("something was there, and select gave %q, %t", got, ok)
		}
		at(t, began, 0)
	})
}
