package main

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestSubmitBlocksWhileTheQueueIsFull looks at the clock after each Submit, in
// fake time (claim 5.3): 2 tasks go to the workers, 3 wait in the queue, and then
// 2 more slots are free each second.
func TestSubmitBlocksWhileTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(t.Context(), Config{Workers: 2, Queue: 3}, func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		})
		began := time.Now()
		for task, second := range []int{0, 0, 0, 0, 0, 1, 1, 2, 2, 3} {
			if err := p.Submit(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			if at := time.Since(began); at != time.Duration(second)*time.Second {
				t.Errorf("task %d was accepted after %v, want %d s, when a slot is free", task, at, second)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSubmitReturnsTheCauseOfItsContext blocks until its own context is done, and
// then submits with one that is done already, while a worker is idle (claim 5.3).
// A refused task does not run, and the pool has not failed.
func TestSubmitReturnsTheCauseOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := 0
		p := NewPool(t.Context(), Config{Workers: 1}, func(context.Context, int) error {
			ran++
			time.Sleep(time.Hour)
			return nil
		})
		submitAll(t, p, 1)
		why := errors.New("the request has timed out")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, why)
		defer cancel()
		began := time.Now()
		if err := p.Submit(ctx, 1); err != why || time.Since(began) != time.Second {
			t.Errorf("Submit returned %v after %v, want %v after 1s", err, time.Since(began), why)
		}
		time.Sleep(2 * time.Hour) // the worker is idle
		for range 100 {
			if err := p.Submit(ctx, 2); err != why {
				t.Fatalf("Submit with a context that is done returned %v, want %v", err, why)
			}
		}
		if err := p.Close(); err != nil || ran != 1 {
			t.Errorf("%d tasks ran, want 1; Close returned %v", ran, err)
		}
	})
}

// TestTrySubmitRefusesWhenTheQueueIsFull never blocks (claim 5.3). A TrySubmit
// that retries without end is stopped with its pool after 100,000 times.
func TestTrySubmitRefusesWhenTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var tries atomic.Int64
		parent := &asked{ctx, func() {
			if tries.Add(1) == 100_000 {
				t.Error("TrySubmit has tried 100000 times, want it to return ErrFull")
				cancel()
			}
		}}
		p := NewPool(parent, Config{Workers: 2, Queue: 3}, func(context.Context, int) error {
			time.Sleep(time.Second)
			return nil
		})
		submitAll(t, p, 2)
		synctest.Wait() // until both workers have their task
		began := time.Now()
		for task := range 10 {
			want := error(nil)
			if task >= 3 {
				want = ErrFull
			}
			if err := p.TrySubmit(task); err != want {
				t.Errorf("2 busy workers, and %d tasks in a queue with 3 slots: TrySubmit returned %v, want %v", min(task, 3), err, want)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("TrySubmit blocked for %v", took)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// asked is a context that calls a function when it is asked for its error.
type asked struct {
	context.Context
	call func()
}

func (a *asked) Err() error {
	if a.call != nil {
		a.call()
	}
	return a.Context.Err()
}

// TestCloseWaitsForATrySubmit that has looked whether the pool is closed, and has not yet sent its
// task: a send on a closed channel would panic (claim 5.3).
func TestCloseWaitsForATrySubmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, done := &asked{Context: t.Context()}, 0
		p := NewPool(parent, Config{Workers: 1, Queue: 1}, func(context.Context, int) error { done++; return nil })
		closed := make(chan error, 1)
		parent.call = func() {
			parent.call = nil
			go func() { closed <- p.Close() }()
			synctest.Wait()
		}
		if err := p.TrySubmit(1); err != nil {
			t.Error(err)
		}
		if err := <-closed; err != nil || done != 1 {
			t.Errorf("%d tasks ran, and Close returned %v; want 1, nil", done, err)
		}
	})
}

// TestTrySubmitAcceptsWhileAWorkerIsIdle submits to new pools, whose workers have
// not reached their receive yet: with the zero Config no slot of a queue can
// help (claim 5.3). Many pools, since the workers could be quick once.
func TestTrySubmitAcceptsWhileAWorkerIsIdle(t *testing.T) {
	for _, c := range []Config{{}, {Workers: 8}, {Workers: 8, Queue: 1}} {
		synctest.Test(t, func(t *testing.T) { // without a worker TrySubmit would wait forever for one to reach its receive
			ctx, cancel := context.WithCancel(t.Context())
			p := NewPool(ctx, c, func(context.Context, int) error { return nil })
			synctest.Wait()
			if n := Inside("(*Pool[...]).work"); n != max(c.Workers, 1) {
				t.Fatalf("%+v: the pool has %d workers, want %d", c, n, max(c.Workers, 1))
			}
			cancel()
			time.Sleep(time.Hour)
			if n := Inside("(*Pool[...]).work"); n != max(c.Workers, 1) {
				t.Errorf("%+v: its context is done, but it is not closed; the pool has %d workers, want %d: only Close ends them", c, n, max(c.Workers, 1))
			}
			p.Close()
		})
		for range 200 {
			if t.Failed() {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				p := NewPool(t.Context(), c, func(context.Context, int) error {
					time.Sleep(time.Second)
					return nil
				})
				for task := range max(c.Workers, 1) + c.Queue {
					if err := p.TrySubmit(task); err != nil {
						t.Fatalf("%+v: task %d was refused (%v) while a worker was idle", c, task, err)
					}
				}
				if err := p.TrySubmit(9); err != ErrFull {
					t.Fatalf("%+v: all workers are busy and the queue is full; TrySubmit returned %v", c, err)
				}
				if err := p.Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// TestClosingPoolRefusesImmediately closes a pool while a Submit blocks: that one
// goes on, and a later one is refused (claim 5.3). It runs in a bubble, in which a
// goroutine that is blocked on a mutex would keep the fake time from advancing.
func TestClosingPoolRefusesImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ran := 0
		p := NewPool(t.Context(), Config{}, func(context.Context, int) error {
			ran++
			time.Sleep(time.Minute)
			return nil
		})
		submitAll(t, p, 1)
		var closed atomic.Int64
		go func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("a Submit that blocked when Close was called panicked: %v", v)
				}
			}()
			if err := p.Submit(t.Context(), 1); err != nil {
				t.Errorf("a Submit that blocked when Close was called returned %v", err)
			}
		}()
		synctest.Wait()
		for range 2 {
			go func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				closed.Add(1)
				if took := time.Since(began); took != 2*time.Minute {
					t.Errorf("Close returned after %v, want 2m0s, when the accepted tasks are done", took)
				}
			}()
			synctest.Wait()
		}
		if err := p.TrySubmit(2); err != ErrClosed {
			t.Errorf("while the pool closes, TrySubmit returned %v, want %v", err, ErrClosed)
		}
		if err := p.Submit(t.Context(), 3); err != ErrClosed {
			t.Errorf("while the pool closes, Submit returned %v, want %v", err, ErrClosed)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v to be refused", took)
		}
		time.Sleep(time.Hour)
		synctest.Wait() // the goroutines have ended: this happens after what they did
		if ran != 2 || closed.Load() != 2 {
			t.Errorf("%d tasks ran and %d calls of Close returned, want 2 and 2", ran, closed.Load())
		}
	})
}

// TestBlockedSubmitReturnsWhenThePoolStops has the only worker ignore the
// cancellation for an hour, and the Submit has a context of its own (claim 5.3).
func TestBlockedSubmitReturnsWhenThePoolStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		p := NewPool(ctx, Config{}, func(context.Context, int) error {
			time.Sleep(time.Hour)
			return nil
		})
		submitAll(t, p, 1)
		began := time.Now()
		if err := p.Submit(t.Context(), 1); err != ErrStopped || time.Since(began) != time.Second {
			t.Errorf("the pool stopped after 1s; the Submit that blocked returned %v after %v, want %v", err, time.Since(began), ErrStopped)
		}
		if err := p.Close(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a task was refused because of the deadline; Close returned %v", err)
		}
	})
}

// TestSubmitKnowsThatThePoolStopsWithItsContext submits at the moment at which the
// pool's context has an error, but the one that is derived from it has none yet
// (claim 5.3): the reason is the pool's, not that of the caller's own context.
func TestSubmitKnowsThatThePoolStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancelCause(t.Context())
		ctx := ahead{parent}
		p := NewPool(ctx, Config{Queue: 1}, func(context.Context, int) error { return nil })
		cancel(errLeft)
		if err := p.Submit(ctx, 0); err != ErrStopped {
			t.Errorf("Submit returned %v, want %v", err, ErrStopped)
		}
		if err := p.TrySubmit(0); err != ErrStopped {
			t.Errorf("TrySubmit returned %v, want %v", err, ErrStopped)
		}
		if err := p.Close(); !errors.Is(err, errLeft) {
			t.Errorf("two tasks were refused because of the cancellation; Close returned %v", err)
		}
	})
}

// An ahead context is done, but the contexts that are derived from it are not yet.
type ahead struct{ context.Context }

func (ahead) Done() <-chan struct{} { return nil }

// TestWorkerIsIdleAgainWhateverItsTaskDoes has tasks return, fail, panic and call
// Goexit. After each the pool counts its worker as idle: otherwise TrySubmit would
// refuse a task that the worker could take (claim 5.3). The next task has a new stack:
// otherwise it would grow with each panic.
func TestWorkerIsIdleAgainWhateverItsTaskDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(t.Context(), Config{KeepGoing: true}, func(_ context.Context, task func() error) error { return task() })
		for how, task := range map[string]func() error{
			"returns":      func() error { return nil },
			"fails":        func() error { return errFull },
			"panics":       func() error { panic("a bug") },
			"calls Goexit": func() error { runtime.Goexit(); return nil },
		} {
			if err := p.Submit(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := p.idle.Swap(1); n != 1 {
				t.Errorf("a task %s, and then %d workers are counted as idle, want 1", how, n)
			}
			stack := ""
			if err := p.Submit(t.Context(), func() error { stack = string(debug.Stack()); return nil }); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := strings.Count(stack, "(*Pool[...]).work("); n != 1 {
				t.Errorf("a task %s, and the next one runs %d calls of work deep, want 1: in a new goroutine, not on top of the stack of that task", how, n)
			}
		}
		p.Close()
	})
}

// TestUnboundedQueueKeepsTheTasksOfAllGoroutines has eight goroutines submit, and take
// half of the tasks. Tasks that get lost would make it look smaller than it is.
func TestUnboundedQueueKeepsTheTasksOfAllGoroutines(t *testing.T) {
	const submitters, each = 8, 1000
	var queue Unbounded[int]
	var group sync.WaitGroup
	all := meeting(submitters)
	for range submitters {
		group.Go(func() {
			all()
			for task := range each {
				queue.Submit(task)
				runtime.Gosched() // to the others: the race detector sees each call without the lock
				_, ok := queue.Next()
				runtime.Gosched()
				if !ok || queue.Len() > submitters*each {
					t.Error("there is a task for each goroutine, but Next returned none")
				}
				queue.Submit(task)
			}
		})
	}
	group.Wait()
	if queue.Len() != submitters*each {
		t.Errorf("%d of %d tasks are in the queue", queue.Len(), submitters*each)
	}
	for range 100_000 { // it refuses none
		queue.Submit(0)
	}
	if want := submitters*each + 100_000; queue.Len() != want {
		t.Errorf("%d of %d tasks are in the queue: some were refused", queue.Len(), want)
	}
	if _, ok := new(Unbounded[int]).Next(); ok {
		t.Error("Next returned a task of an empty queue")
	}
}

// TestUnboundedQueueGrowsWithTheBacklog submits ten tasks in the time of one, to
// a queue without a bound (negative control of 5.3).
func TestUnboundedQueueGrowsWithTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type message [4 << 10]byte
		var queue Unbounded[*message]
		empty := memory()
		worker := time.NewTicker(time.Second)
		defer worker.Stop()
		first := new(message)
		queue.Submit(first)
		for second := 1; second <= 100; second++ {
			for range 10 {
				queue.Submit(new(message))
			}
			<-worker.C
			if m, ok := queue.Next(); !ok || second == 1 && m != first {
				t.Fatal("Next did not return the oldest task")
			}
			if want := 9*second + 1; queue.Len() != want {
				t.Fatalf("after %d s, %d tasks are in the queue, want the backlog of all %d", second, queue.Len(), want)
			}
		}
		// Half of it is enough: what earlier tests have left behind may be freed meanwhile.
		if held := memory() - empty; held < 900*4<<10/2 {
			t.Errorf("900 tasks of 4 KB in the queue hold only %d KB: the memory does not grow with the backlog", held>>10)
		}
		runtime.KeepAlive(&queue)
	})
}
