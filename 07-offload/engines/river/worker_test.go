package main

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// TestNextRetryDoublesAndIsHalfRandom: from half a second to a minute, in fake time.
func TestNextRetryDoublesAndIsHalfRandom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for attempt, want := range map[int]time.Duration{
			1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 7: 32 * time.Second, 8: time.Minute, 9: time.Minute, 25: time.Minute, 1000: time.Minute,
		} {
			job := &river.Job[Welcome]{JobRow: &rivertype.JobRow{Attempt: attempt}}
			low, high := time.Hour, time.Duration(0)
			for range 1000 {
				d := time.Until(new(worker).NextRetry(job))
				low, high = min(low, d), max(high, d)
			}
			if low < want/2 || high >= want || high-low < want/4 {
				t.Errorf("after attempt %d a job waits from %v to %v, want from %v to less than %v", attempt, low, high, want/2, want)
			}
		}
	})
}

// TestOnlyAMalformedJobIsCanceled, not one that failed or that panicked.
func TestOnlyAMalformedJobIsCanceled(t *testing.T) {
	row := new(rivertype.JobRow)
	malformed := new(Welcome).UnmarshalJSON([]byte(`{"id":"../../escape"}`))
	if result := (handler{}).HandleError(t.Context(), row, fmt.Errorf("decode the job: %w", malformed)); result == nil || !result.SetCancelled {
		t.Errorf("a job that is no Welcome (%v) has the result %+v, want it canceled", malformed, result)
	}
	if result := (handler{}).HandleError(t.Context(), row, errors.New("mailbox busy")); result != nil && result.SetCancelled {
		t.Errorf("a job that failed has the result %+v, want it retried", result)
	}
	if result := (handler{}).HandlePanic(t.Context(), row, "a bug", "a stack"); result != nil && result.SetCancelled {
		t.Errorf("a job that panicked has the result %+v, want it retried", result)
	}
}

// TestWelcomeIsATask: its JSON is that of the task, and is checked.
func TestWelcomeIsATask(t *testing.T) {
	var w Welcome
	if err := w.UnmarshalJSON([]byte(`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada@example.com"}`)); err != nil || w.Email != "ada@example.com" {
		t.Errorf("got %+v, %v", w, err)
	}
	if err := w.UnmarshalJSON([]byte(`{"id":"ABCDEFGHIJKLMNOPQRSTUVWX27","name":"Ada","email":"ada"}`)); !errors.Is(err, signup.ErrMalformed) {
		t.Errorf("got %+v, %v; want %v", w, err, signup.ErrMalformed)
	}
}
