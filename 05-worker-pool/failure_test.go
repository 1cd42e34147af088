package main

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Every test in a bubble of testing/synctest is a test for leaks too: it fails
// if a goroutine of the bubble is still there at its end and can't go on.

var errFull = errors.New("mailbox full")

// TestFirstErrorStopsTheRest has one of two workers fail (claim 5.4): the other
// one's task is cancelled, and no other begins.
func TestFirstErrorStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, cancelled []int // by the two workers at different seconds
		p := NewPool(t.Context(), Config{Workers: 2, Queue: 10}, func(ctx context.Context, task int) error {
			begun = append(begun, task)
			time.Sleep(time.Duration(task) * time.Second)
			if task == 2 {
				return errFull
			}
			select {
			case <-ctx.Done():
				cancelled = append(cancelled, task)
				return ctx.Err() // follows from the first error, and must not hide it
			case <-time.After(time.Hour):
				return nil
			}
		})
		began := time.Now()
		for _, task := range []int{1, 2, 3, 4, 5} {
			if err := p.Submit(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if err := p.Submit(t.Context(), 6); err != errFull {
			t.Errorf("after the first error, Submit returned %v", err)
		}
		if err := p.Close(); err != errFull {
			t.Errorf("Close returned %v, and should return the first error", err)
		}
		if len(begun) != 2 || len(cancelled) != 1 || time.Since(began) != 2*time.Second {
			t.Errorf("task 2 failed after 2 s; the tasks %v had begun, %v was cancelled, and it ended after %v: the error did not stop the rest", begun, cancelled, time.Since(began))
		}
	})
}

// TestKeepGoingCollectsEveryError is the other choice (claim 5.4).
func TestKeepGoingCollectsEveryError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := 0
		errs := []error{nil, errors.New("one"), nil, errors.New("three"), nil}
		p := NewPool(t.Context(), Config{Workers: 1, Queue: len(errs), KeepGoing: true}, func(_ context.Context, task int) error {
			done++
			return errs[task]
		})
		submitAll(t, p, len(errs))
		err := p.Close()
		if done != len(errs) {
			t.Errorf("%d of %d tasks were done: an error stopped the rest", done, len(errs))
		}
		if !errors.Is(err, errs[1]) || !errors.Is(err, errs[3]) {
			t.Errorf("Close returned %v, and should return both errors", err)
		}
	})
}

// TestPanicIsAnErrorWithItsStack has a task panic, in each of the three ways to
// do tasks (claim 5.4): the others, and the program, go on.
func TestPanicIsAnErrorWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(t.Context(), Config{Workers: 1, Queue: 1}, func(context.Context, int) error { panicOn(1); return nil })
		submitAll(t, p, 1)
		_, fromMap := Map(t.Context(), 2, []int{0, 1, 2}, panicOn1)
		results := make([]Result[int], 3)
		for r := range AsDone(t.Context(), 2, []int{0, 1, 2}, panicOn1) {
			results[r.Task] = r
		}
		if results[0].Err != nil || results[2].Err != nil || results[2].Value != 2 {
			t.Errorf("AsDone: a panic in one task changed the others': %+v", results)
		}
		for from, err := range map[string]error{"Pool": p.Close(), "Map": fromMap, "AsDone": results[1].Err} {
			if p, ok := errors.AsType[*PanicError](err); !ok || p.Value != "no such user" || !strings.Contains(string(p.Stack), "panicOn") {
				t.Errorf("%s: the panic came as %v, and should be an error with its stack", from, err)
			}
		}
	})
}

func panicOn1(_ context.Context, task int) (int, error) { panicOn(task); return task, nil }

func panicOn(task int) {
	if task == 1 {
		panic("no such user")
	}
}

// TestCancelStopsThePool cancels while tasks are under way, wait in the queue,
// and are being submitted (claim 5.4).
func TestCancelStopsThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := errors.New("the client has left")
		ctx, cancel := context.WithCancelCause(t.Context())
		begun := 0
		p := NewPool(ctx, Config{Workers: 1, Queue: 2, KeepGoing: true}, func(ctx context.Context, task int) error {
			begun++
			<-ctx.Done()
			return nil
		})
		time.AfterFunc(time.Second, func() { cancel(left) })
		submitted := 0
		var err error
		for err == nil {
			if err = p.Submit(t.Context(), submitted); err == nil {
				submitted++
			}
		}
		if err != left || submitted != 3 {
			t.Errorf("%d tasks were taken, and then Submit returned %v", submitted, err)
		}
		if err := p.Close(); err != left || begun != 1 {
			t.Errorf("%d tasks had begun, and Close returned %v: want 1, and the reason", begun, err)
		}
	})
}

// TestMapStopsAtTheFirstError begins no task after it (claim 5.4).
func TestMapStopsAtTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lanes Lanes
		began := time.Now()
		_, err := Map(t.Context(), 2, make([]int, 100), func(ctx context.Context, _ int) (int, error) {
			defer lanes.Enter()()
			time.Sleep(time.Second)
			if time.Since(began) == 3*time.Second {
				return 0, errFull
			}
			return 0, nil
		})
		tasks := 0
		for _, lane := range lanes.Spans() {
			tasks += len(lane)
		}
		if err != errFull || tasks != 6 || time.Since(began) != 3*time.Second {
			t.Errorf("two tasks a second, and an error after 3 s: %d tasks were done in %v, and Map returned %v", tasks, time.Since(began), err)
		}
	})
}

// TestLeavingAsDoneEarlyCancelsAndLeaksNothing breaks out of its loop (claim 5.4).
func TestLeavingAsDoneEarlyCancelsAndLeaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var begun, underWay atomic.Int64
		for range AsDone(t.Context(), 3, make([]int, 100), func(ctx context.Context, _ int) (int, error) {
			underWay.Add(1)
			defer underWay.Add(-1)
			if begun.Add(1) == 1 {
				time.Sleep(time.Second)
				return 0, nil
			}
			<-ctx.Done() // for ever, if nobody cancels
			time.Sleep(time.Second)
			return 0, ctx.Err()
		}) {
			break
		}
		if n := underWay.Load(); n != 0 || time.Since(began) != 2*time.Second {
			t.Errorf("the loop ended after %v with %d tasks under way: it did not wait for its workers", time.Since(began), n)
		}
	})
}

// TestPoolThatForgetsToCloseLeaksItsWorkers counts them when all the work is
// done (negative control of 5.4). They stay until the program ends.
func TestPoolThatForgetsToCloseLeaksItsWorkers(t *testing.T) {
	const workers = 5
	before := Inside("forgottenWorker[...]")
	all := meeting(workers) // so that each worker has begun
	DoAndForget(workers, make([]int, workers), func(int) { all() })
	if left := Inside("forgottenWorker[...]") - before; left != workers {
		t.Errorf("%d of %d workers are left: want the leak of all of them", left, workers)
	}
}
