package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSlotAcquiredBeforeGoLimitsTheGoroutines has 100 tasks block, and counts the
// goroutines (claim 5.7).
func TestSlotAcquiredBeforeGoLimitsTheGoroutines(t *testing.T) {
	if tasks, goroutines := limitTo(t, 4, "Limited.func1", Limited); tasks != 4 || goroutines != 4 {
		t.Errorf("with 4 slots, %d tasks run in %d goroutines, want 4 and 4", tasks, goroutines)
	}
}

// TestSlotAcquiredInsideTheGoroutinePilesThemUp counts the same (negative control of 5.7).
func TestSlotAcquiredInsideTheGoroutinePilesThemUp(t *testing.T) {
	if tasks, goroutines := limitTo(t, 4, "LimitedInside.func1", LimitedInside); tasks != 4 || goroutines != 100 {
		t.Errorf("with 4 slots, %d tasks run in %d goroutines, want 4, and a goroutine for each of the 100 tasks", tasks, goroutines)
	}
}

// limitTo runs 100 tasks and returns how many run, and the goroutines in function,
// when all of them are blocked.
func limitTo(t *testing.T, limit int, function string, limited func(int, []func())) (running, goroutines int) {
	synctest.Test(t, func(t *testing.T) {
		var lanes Lanes
		free := make(chan struct{})
		tasks := make([]func(), 100)
		for i := range tasks {
			tasks[i] = func() { defer lanes.Enter()(); <-free }
		}
		done := false
		go func() { limited(limit, tasks); done = true }()
		synctest.Wait()
		running, goroutines = lanes.Peak(), Inside(function)
		close(free)
		synctest.Wait()
		if !done || lanes.Peak() != limit {
			t.Errorf("done: %v; up to %d tasks ran at the same time, want %d", done, lanes.Peak(), limit)
		}
	})
	return running, goroutines
}

// TestConcurrencyLimitIsNotARateLimit measures both, with short tasks and with long
// ones, in fake time (claim 5.7): one fixes the number that is in progress, the
// other one the number that begins per second.
func TestConcurrencyLimitIsNotARateLimit(t *testing.T) {
	for _, want := range []struct {
		name  string
		limit func(tasks []func())
		each  time.Duration
		peak  int
		took  time.Duration
	}{
		{"4 slots", atMostFour, 5 * time.Millisecond, 4, 50 * time.Millisecond},
		{"4 slots", atMostFour, 95 * time.Millisecond, 4, 950 * time.Millisecond},
		{"100 per second", perSecond, 5 * time.Millisecond, 1, 395 * time.Millisecond},
		{"100 per second", perSecond, 95 * time.Millisecond, 10, 485 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			peak, took := measureLimit(40, want.each, want.limit)
			if peak != want.peak || took != want.took {
				t.Errorf("%s, 40 tasks of %v: %d in progress, done after %v; want %d, %v", want.name, want.each, peak, took, want.peak, want.took)
			}
		})
	}
}

// TestBucketGivesABurstAndThenOneTokenPerInterval takes tokens as fast as it can
// (claim 5.7), twice: after a pause the bucket is full again, but not fuller.
func TestBucketGivesABurstAndThenOneTokenPerInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bucket{Interval: time.Second, Burst: 3}
		for range 2 {
			began := time.Now()
			for take, second := range []int{0, 0, 0, 1, 2, 3} {
				if err := b.Take(t.Context()); err != nil || time.Since(began) != time.Duration(second)*time.Second {
					t.Errorf("token %d was there after %v (%v), want %d s", take, time.Since(began), err, second)
				}
			}
			time.Sleep(time.Hour)
		}
		for _, burst := range []int{1, 0, -10} {
			b, began := &Bucket{Interval: time.Second, Burst: burst}, time.Now()
			for second := range 3 {
				if err := b.Take(t.Context()); err != nil || time.Since(began) != time.Duration(second)*time.Second {
					t.Errorf("Burst %d: token %d was there after %v (%v), want %d s", burst, second, time.Since(began), err, second)
				}
			}
		}
	})
}

// TestBucketServesItsCallersInOrder has five callers wait at the same time (claim 5.7).
func TestBucketServesItsCallersInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bucket{Interval: time.Second, Burst: 1}
		began := time.Now()
		for caller := range 5 {
			go func() {
				if err := b.Take(t.Context()); err != nil || time.Since(began) != time.Duration(caller)*time.Second {
					t.Errorf("caller %d got a token after %v (%v), want %d s", caller, time.Since(began), err, caller)
				}
			}()
			synctest.Wait() // until it has its place
			if !b.mu.TryLock() {
				t.Errorf("caller %d holds the lock while it waits for its token, so a later one could not observe its cancellation", caller)
				break
			}
			b.mu.Unlock()
		}
		time.Sleep(time.Minute)
	})
}

// TestBucketGivesEachTokenToOneCaller has 50 callers at the same moment (claim 5.7):
// one gets a token at each second, and the last of them waits for 49 s.
func TestBucketGivesEachTokenToOneCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bucket{Interval: time.Second, Burst: 1}
		began := time.Now()
		var served [50]atomic.Int64 // by second
		compete(&b.mu, "(*Bucket).Take", len(served), func() {
			if err := b.Take(t.Context()); err != nil {
				t.Error(err)
			}
			served[int(time.Since(began).Seconds())%len(served)].Add(1)
		})
		if took := time.Since(began); took != 49*time.Second {
			t.Errorf("50 callers have got 50 tokens after %v, want 49s", took)
		}
		for second := range served {
			if n := served[second].Load(); n != 1 {
				t.Fatalf("%d callers got a token after %d s, want one: several have taken the same", n, second)
			}
		}
	})
}

// compete calls f in n goroutines that need the lock, in the function, at the same time. If f had
// two critical sections, most of them would be in the first one before any is in the second.
func compete(mu *sync.Mutex, function string, n int, f func()) {
	var callers sync.WaitGroup
	var returned atomic.Int64
	mu.Lock()
	for range n {
		callers.Go(func() {
			defer returned.Add(1)
			f()
		})
	}
	for Inside(function)+int(returned.Load()) < n {
		runtime.Gosched()
	}
	for range 200 { // once a goroutine has waited for 1 ms, a Mutex serves all in turn (starvation mode)
		mu.Unlock()
		mu.Lock()
		Inside(function) // takes a while
	}
	mu.Unlock()
	callers.Wait()
}

// TestBucketObservesCancellation waits for a token until its context is done, and
// asks again (claim 5.7). The token for which it waited is lost: the next call gets
// the one after it. The later calls take none.
func TestBucketObservesCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bucket{Interval: time.Hour, Burst: 1}
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errLeft)
		defer cancel()
		if err := b.Take(ctx); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if err := b.Take(ctx); !errors.Is(err, errLeft) || time.Since(began) != time.Second {
			t.Errorf("Take returned %v after %v, want the cause after 1s", err, time.Since(began))
		}
		if err := b.Take(t.Context()); err != nil || time.Since(began) != 2*time.Hour {
			t.Errorf("the call after the abandoned one got a token after %v (%v), want 2h0m0s", time.Since(began), err)
		}
		time.Sleep(24 * time.Hour) // a token is there
		for range 100 {
			if err := b.Take(ctx); !errors.Is(err, errLeft) {
				t.Fatalf("Take with a context that is done returned %v, want the cause", err)
			}
		}
		began = time.Now()
		if err := b.Take(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("after calls with a context that is done, Take waited for %v (%v), want the token that was there", time.Since(began), err)
		}
		late, leave := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { leave(errLeft) })
		if err := b.Take(ahead{late}); err != errLeft {
			t.Errorf("the token is due, and the context has an error; Take returned %v, want the cause", err)
		}
	})
}

// TestSlotIsReleasedHoweverItsTaskEnds: the first task calls runtime.Goexit, and the second
// one needs its slot.
func TestSlotIsReleasedHoweverItsTaskEnds(t *testing.T) {
	for name, limited := range map[string]func(int, []func()){"Limited": Limited, "LimitedInside": LimitedInside} {
		synctest.Test(t, func(t *testing.T) {
			ran := make(chan struct{}, 1)
			go limited(1, []func(){runtime.Goexit, func() { ran <- struct{}{} }})
			synctest.Wait()
			if len(ran) == 0 {
				t.Errorf("%s: the first task has ended, but its slot is not free", name)
			}
		})
	}
}

// slowly starts a goroutine for each task, one every 15 ms.
func slowly(_ int, tasks []func()) {
	var group sync.WaitGroup
	for _, task := range tasks {
		group.Go(func() { task() })
		time.Sleep(15 * time.Millisecond)
	}
	group.Wait()
}

// TestGoroutinesAreCountedWhenThereAreNoMoreThanBefore has ten start within 135 ms: the
// count is not that of the first moment at which there are four.
func TestGoroutinesAreCountedWhenThereAreNoMoreThanBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if n := goroutinesOf(10, slowly, "slowly.func1"); n != 10 {
			t.Errorf("ten goroutines start and block, but %d are counted", n)
		}
	})
}
