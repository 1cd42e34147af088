package main

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var errBusy = errors.New("451 mailbox busy")

// TestRetriesWaitLongerEachTimeAndEndAsADeadLetter notes when each attempt
// begins, in fake time (claim 7.3).
func TestRetriesWaitLongerEachTimeAndEndAsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		var begun []time.Time
		defer work(t, b, 1, func(context.Context, *Task) error {
			begun = append(begun, time.Now())
			return errBusy
		})()
		policy := Policy{Attempts: 6, Backoff: time.Second, Cap: 5 * time.Second}
		j := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: policy})
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(begun) != 6 {
			t.Fatalf("%d attempts; the policy allows 6", len(begun))
		}
		for i, limit := range []time.Duration{1, 2, 4, 5, 5} {
			// A worker that waits for a retry looks again after a millisecond at the earliest.
			if wait := begun[i+1].Sub(begun[i]); wait < 0 || wait > limit*time.Second+time.Millisecond {
				t.Errorf("retry %d started after %v; its limit is %v", i+1, wait, limit*time.Second)
			}
		}
		if now := get(t, b, j.ID); now.State != Dead || now.Error != errBusy.Error() {
			t.Errorf("after its last attempt it is %s with the error %q, want a dead letter with its error", now.State, now.Error)
		}
		if _, err := b.Requeue(t.Context(), j.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(begun) != 12 {
			t.Errorf("after the requeue: got %d attempts, want 6", len(begun)-6)
		}
	})
}

// attemptsInTheFirstSecond has 100 jobs fail at the same instant, again and again.
// The journal is in memory: thousands of syncs would only take time.
func attemptsInTheFirstSecond(t *testing.T, p Policy) (attempts int) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		for range 100 {
			enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: p})
		}
		began := time.Now()
		stop := work(t, b, 1, func(context.Context, *Task) error {
			if time.Since(began) < time.Second {
				attempts++
			}
			return errBusy
		})
		time.Sleep(time.Hour)
		stop()
	})
	return attempts
}

// TestBackoffSparesWhatIsOverloaded counts the attempts of 100 jobs in the first
// second (claim 7.3): after the first of each, a retry or two of some.
func TestBackoffSparesWhatIsOverloaded(t *testing.T) {
	if n := attemptsInTheFirstSecond(t, Policy{Attempts: 10, Backoff: 10 * time.Second, Cap: time.Minute}); n < 100 || n > 200 {
		t.Errorf("%d attempts of 100 jobs in the first second: the retries do not wait", n)
	}
}

// TestRetryWithoutBackoffIsAStorm counts the same without a wait that matters (negative control of 7.3).
func TestRetryWithoutBackoffIsAStorm(t *testing.T) {
	if n := attemptsInTheFirstSecond(t, Policy{Attempts: 10, Backoff: 1, Cap: 1}); n != 1000 {
		t.Errorf("%d attempts of 100 jobs in the first second: want the storm of all 1000", n)
	}
}

// TestJitterSpreadsRetriesOverTheWholeRange of the wait (claim 7.3).
func TestJitterSpreadsRetriesOverTheWholeRange(t *testing.T) {
	p := Policy{Backoff: time.Second, Cap: time.Minute}
	var quarters [4]int
	for range 4000 {
		quarters[min(3, int(4*p.Retry(3)/(4*time.Second)))]++
	}
	for i, n := range quarters {
		if n < 800 {
			t.Errorf("of 4000 third retries, %d are in quarter %d of the range: they are not spread", n, i+1)
		}
	}
	if wait := p.Retry(1000); wait > time.Minute {
		t.Errorf("a retry after %v, beyond the cap", wait)
	}
}

// TestScheduledJobIsNotDoneBeforeItsTime is exact in fake time, across a restart too (claim 7.4).
func TestScheduledJobIsNotDoneBeforeItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := open(t, dir)
		due := time.Now().Add(24 * time.Hour)
		j := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Due: due})
		if j.State != Scheduled {
			t.Errorf("a job for tomorrow is %s", j.State)
		}
		time.Sleep(time.Hour)
		b.Close()
		b = open(t, dir)
		defer b.Close()
		var at time.Time
		defer work(t, b, 1, func(context.Context, *Task) error { at = time.Now(); return nil })()
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if late := at.Sub(due); late < 0 || late > time.Millisecond {
			t.Errorf("a job for %v was begun at %v", due, at)
		}
	})
}

// TestFailureMovesNoLaterTimes has the first job of a series fail, be dead-lettered and
// be requeued (claim 7.4): the later ones run once, at the times that were planned.
func TestFailureMovesNoLaterTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t, t.TempDir())
		defer b.Close()
		began := time.Now()
		var at []time.Duration
		first := enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"),
			Policy: Policy{Attempts: 2, Backoff: 20 * time.Second, Cap: 20 * time.Second, Every: time.Minute}})
		stop := work(t, b, 1, func(_ context.Context, task *Task) error {
			if task.ID == first.ID {
				return errors.New("451 busy")
			}
			at = append(at, time.Since(began).Round(time.Second))
			return nil
		})
		time.Sleep(50 * time.Second)
		if j, err := b.Requeue(t.Context(), first.ID); err != nil || j.State != Queued {
			t.Fatalf("the first one should be a dead letter that can be requeued: it is %s, %v", j.State, err)
		}
		time.Sleep(200 * time.Second)
		stop()
		if want := []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute}; !slices.Equal(at, want) {
			t.Errorf("the first of a series failed and was requeued; the others ran at %v, want %v", at, want)
		}
	})
}

// TestJobRecursAtItsInterval, and several missed runs are made up by one (claim 7.4).
func TestJobRecursAtItsInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		b := open(t, dir)
		began := time.Now()
		var at []time.Duration
		note := func(context.Context, *Task) error { at = append(at, time.Since(began).Round(time.Second)); return nil }
		stop := work(t, b, 1, note)
		enqueue(t, b, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Policy{Attempts: 1, Every: time.Minute}})
		time.Sleep(150 * time.Second)
		stop()
		b.Close()
		time.Sleep(10 * time.Minute) // no worker runs: ten are missed
		b = open(t, dir)
		defer b.Close()
		stop = work(t, b, 1, note)
		time.Sleep(100 * time.Second) // not at the very instant of one
		stop()
		want := []time.Duration{0, 60 * time.Second, 120 * time.Second, 750 * time.Second, 780 * time.Second, 840 * time.Second}
		if len(at) != len(want) {
			t.Fatalf("it ran at %v, want %v", at, want)
		}
		for i := range want {
			if at[i] != want[i] {
				t.Errorf("it ran at %v, want %v", at, want)
				break
			}
		}
	})
}
