package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The parts alone. These tests are in the first file, so that they run before tests of all
// parts together, which block until the time limit of go test if a part is wrong.

// TestLeaseWithoutAJobEndsWhenItsContextIsDone, and not before.
func TestLeaseWithoutAJobEndsWhenItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := brokerOn(&disk{})
		defer b.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		ended, began := make(chan error, 1), time.Now()
		go func() {
			_, err := b.Lease(ctx, "w", allKinds)
			ended <- err
		}()
		select {
		case err := <-ended:
			if err != context.DeadlineExceeded || time.Since(began) != time.Hour {
				t.Errorf("Lease returned %v after %v, want %v after an hour", err, time.Since(began), context.DeadlineExceeded)
			}
		case <-time.After(2 * time.Hour):
			t.Error("the context of Lease has been done for an hour, but Lease still blocks")
			enqueue(t, b, email("ada@example.com", 1)) // so that it returns
		}
	})
}

// TestAddReturnsImmediately although a call of run blocks.
func TestAddReturnsImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var b *Batch[int, int]
		b = newBatch(10, func(in []int) []int {
			if !b.mu.TryLock() {
				t.Error("run is called while the lock is held that Add needs")
				return in
			}
			b.mu.Unlock()
			<-release
			return in
		})
		first := b.Add(0)
		go first(t.Context())
		synctest.Wait() // it is in run
		if t.Failed() {
			return
		}
		added := make(chan func(context.Context) (int, error), 2)
		go func() {
			for n := range cap(added) {
				added <- b.Add(n)
			}
		}()
		synctest.Wait()
		if n := len(added); n != cap(added) {
			t.Errorf("a call of run blocks, and call %d of Add does, too: want it to return immediately", n+1)
		}
		close(release)
		for want := range cap(added) {
			if got, err := (<-added)(t.Context()); got != want || err != nil {
				t.Errorf("got the result %d, %v; want %d", got, err, want)
			}
		}
	})
}

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

// TestCallerThatLeavesDoesNotHurtTheOthers: its context is done before the next call.
// So what it added is never passed on.
func TestCallerThatLeavesDoesNotHurtTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, calls := slowBatch(10)
		stay, end := context.WithCancel(t.Context())
		defer end()
		var others sync.WaitGroup
		stays := func(n int) {
			wait := b.Add(n)
			others.Go(func() {
				if out, err := wait(stay); err != nil || out != fmt.Sprint(n) {
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
		b.mu.Lock()
		left := len(b.added)
		b.mu.Unlock()
		if left != 1 {
			t.Errorf("one of two callers has left, and the next call would get %d inputs, want 1", left)
			end()
		}
		others.Wait()
		if got := fmt.Sprint(*calls); got != "[[0] [2]]" {
			t.Errorf("calls %s, want [[0] [2]]", got)
		}
	})
}

// TestEachJobIsInTheGroupOfItsStateAndKind, where Next finds it.
func TestEachJobIsInTheGroupOfItsStateAndKind(t *testing.T) {
	q, now := newQueue(), time.Now()
	for _, kind := range allKinds {
		j := added(q, kind, now, now)
		if want := q.groups[group{Queued, kind}]; want == nil || j.in != want {
			t.Errorf("a %s that waits is not in the group of its kind", kind)
		}
		if next := q.Next("w", []string{kind}, now); next != j || j.in != q.groups[group{Running, ""}] || !j.Expires.Equal(now.Add(q.Lease)) {
			t.Errorf("the next %s is %v, want the one that waits, in the group of running jobs, for the time of a lease", kind, next)
		}
	}
}

// TestOnlyDoneDeadAndCanceledJobsHaveEnded: the others change without an operator.
func TestOnlyDoneDeadAndCanceledJobsHaveEnded(t *testing.T) {
	for state, want := range map[State]bool{Scheduled: false, Queued: false, Running: false, Done: true, Dead: true, Canceled: true} {
		if got := state.Ended(); got != want {
			t.Errorf("a job that is %s has ended: %t, want %t", state, got, want)
		}
	}
}

// TestOnlyAQueuedJobBeforeItsTimeIsShownAsScheduled, and the job itself is not changed.
func TestOnlyAQueuedJobBeforeItsTimeIsShownAsScheduled(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		state State
		due   time.Time
		want  State
	}{
		{Queued, now.Add(1), Scheduled}, {Queued, now, Queued}, {Queued, now.Add(-1), Queued},
		{Running, now.Add(1), Running}, {Done, now.Add(1), Done}, {Dead, now.Add(1), Dead}, {Canceled, now.Add(1), Canceled},
	} {
		j := Job{State: test.state, Due: test.due}
		if view := j.View(now); j.shown(now) != test.want || view.State != test.want || j.State != test.state {
			t.Errorf("%s and due in %v: shown as %s, viewed as %s, and now %s; want %s, and the job unchanged", test.state, test.due.Sub(now), j.shown(now), view.State, j.State, test.want)
		}
	}
}

// TestJobLeavesAHeapFromTheMiddle: each job knows its index, also after others have
// come and left, and the earliest job is the first.
func TestJobLeavesAHeapFromTheMiddle(t *testing.T) {
	h, now := new(byTime), time.Now()
	var jobs []*Job
	for _, n := range rand.Perm(100) {
		j := &Job{State: Queued, Due: now.Add(time.Duration(n/2) * time.Second), number: uint64(n)} // two at each time
		j.move(h)
		jobs = append(jobs, j)
	}
	for len(jobs) > 0 {
		for i, j := range h.jobs {
			if j.index != i || j.in != h || j.before(h.jobs[0]) {
				t.Fatalf("%d jobs: the one at %d has the index %d, want its own, and none before the first", len(jobs), i, j.index)
			}
		}
		jobs[0].move(nil) // in the order in which they came
		if jobs = jobs[1:]; len(h.jobs) != len(jobs) {
			t.Fatalf("a job has left, and the heap has %d, want %d", len(h.jobs), len(jobs))
		}
		if spare := h.jobs[len(jobs):cap(h.jobs)]; slices.ContainsFunc(spare, func(j *Job) bool { return j != nil }) {
			t.Fatalf("%d jobs: the heap still refers to one that has left, which stays in memory", len(jobs))
		}
	}
}
