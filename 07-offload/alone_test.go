package main

import (
	"context"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// The parts that need no broker. These tests are in the first file, so that they run
// before tests of a broker, which block until the time limit of go test if a part is wrong.

// TestAddReturnsImmediately although a call of run blocks.
func TestAddReturnsImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		b := newBatch(10, func(in []int) []int { <-release; return in })
		first := b.Add(0)
		go first(t.Context())
		synctest.Wait() // it is in run
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
	}
}
