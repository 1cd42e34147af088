package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"concurrency/07-offload/engines/signup"

	faktory "github.com/contribsys/faktory/client"
)

// TestTaskIsCanceledBeforeItsReservationEnds, 5 s before, in fake time. The server reserves
// a job for at least 60 s.
func TestTaskIsCanceledBeforeItsReservationEnds(t *testing.T) {
	for reserved, want := range map[int]time.Duration{0: 55 * time.Second, 30: 55 * time.Second, 60: 55 * time.Second, 90: 85 * time.Second, 1800: 1795 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			began, failed := time.Now(), errors.New("failed")
			err := inTime(t.Context(), &faktory.Job{ReserveFor: reserved}, func(ctx context.Context) error {
				<-ctx.Done()
				return failed
			})
			if took := time.Since(began); took != want || err != failed {
				t.Errorf("a job is reserved for %d s: it was canceled after %v, and %v was returned; want %v and its error", reserved, took, err, want)
			}
		})
	}
}

// TestAttemptsAreCountedFromOne. The server counts the retries from 0, and has no failure
// before the first.
func TestAttemptsAreCountedFromOne(t *testing.T) {
	for want, failure := range map[int]*faktory.Failure{1: nil, 2: {RetryCount: 0}, 3: {RetryCount: 1}} {
		attemptOf(t.Context(), &faktory.Job{Failure: failure}, func(ctx context.Context) error {
			if n := ctx.Value(attempt{}); n != want {
				t.Errorf("after the failure %+v: got attempt %v, want %d", failure, n, want)
			}
			return nil
		})
	}
}

// TestPanicOfATaskIsAnError with the stack; another error is not changed.
func TestPanicOfATaskIsAnError(t *testing.T) {
	err := recovered(t.Context(), nil, func(context.Context) error { panic("a bug") })
	if err == nil || !strings.HasPrefix(err.Error(), "panic: a bug\n") || !strings.Contains(err.Error(), "TestPanicOfATaskIsAnError") {
		t.Errorf("a task panicked: got the error %v, want its value and its stack", err)
	}
	failed := errors.New("failed")
	for _, want := range []error{nil, failed} {
		if err := recovered(t.Context(), nil, func(context.Context) error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

// TestDecodeChecksTheOneArgument of a job.
func TestDecodeChecksTheOneArgument(t *testing.T) {
	good := map[string]any{"id": "ABCDEFGHIJKLMNOPQRSTUVWX27", "name": "Ada", "email": "ada@example.com"}
	if task, err := decode([]any{good}); err != nil || task.Name != "Ada" {
		t.Errorf("got %+v, %v", task, err)
	}
	for _, args := range [][]any{nil, {}, {good, good}, {"text"}, {map[string]any{}}} {
		if task, err := decode(args); !errors.Is(err, signup.ErrMalformed) {
			t.Errorf("the arguments %v: got %+v, %v; want %v", args, task, err, signup.ErrMalformed)
		}
	}
}
