package main

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSubmitWaitsWhileTheQueueIsFull looks at the clock after each Submit, in
// fake time (claim 5.3): 2 tasks go to the workers, 3 wait in the queue, and
// then there is room for 2 more each second.
func TestSubmitWaitsWhileTheQueueIsFull(t *testing.T) {
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
				t.Errorf("task %d was taken at %v: want %d s, as soon as there is room and not before", task, at, second)
			}
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestSubmitGivesUpWhenItsContextEnds is the other end of waiting (claim 5.3).
func TestSubmitGivesUpWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(t.Context(), Config{Workers: 1}, func(context.Context, int) error {
			time.Sleep(time.Hour)
			return nil
		})
		submitAll(t, p, 1)
		impatient := errors.New("impatient")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, impatient)
		defer cancel()
		began := time.Now()
		if err := p.Submit(ctx, 1); err != impatient || time.Since(began) != time.Second {
			t.Errorf("Submit returned %v after %v, and should give up after its second", err, time.Since(began))
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestTrySubmitRefusesWhenTheQueueIsFull never waits (claim 5.3).
func TestTrySubmitRefusesWhenTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(t.Context(), Config{Workers: 2, Queue: 3}, func(context.Context, int) error {
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
				t.Errorf("with 2 busy workers and %d tasks in a queue for 3, TrySubmit returned %v", min(task, 3), err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("TrySubmit should never wait, and did for %v", took)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestClosingPoolRefusesAtOnce has Close wait for a Submit that waits for room:
// whoever comes now is told at once that it is too late (claim 5.3). A mutex is
// involved, whose waiters count as busy in a bubble; so it looks at the stacks instead.
func TestClosingPoolRefusesAtOnce(t *testing.T) {
	work := make(chan struct{})
	p := NewPool(t.Context(), Config{Workers: 1}, func(context.Context, int) error { <-work; return nil })
	submitAll(t, p, 1)
	submitted, closed := make(chan error), make(chan error)
	go func() { submitted <- p.Submit(t.Context(), 1) }()
	waitUntil("(*Pool[...]).Submit", "select")
	go func() { closed <- p.Close() }()
	waitUntil("(*Pool[...]).Close", "sync.RWMutex.Lock")
	if err := p.TrySubmit(2); err != ErrClosed {
		t.Errorf("TrySubmit while the pool closes returned %v", err)
	}
	if err := p.Submit(t.Context(), 3); err != ErrClosed {
		t.Errorf("Submit while the pool closes returned %v", err)
	}
	close(work)
	if err := <-submitted; err != nil {
		t.Errorf("the task submitted before Close was refused: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestUnboundedQueueGrowsWithTheBacklog submits ten tasks in the time of one,
// to a queue without bound (negative control of 5.3).
func TestUnboundedQueueGrowsWithTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type message [4 << 10]byte
		var queue Unbounded[*message]
		empty := memory()
		worker := time.NewTicker(time.Second)
		defer worker.Stop()
		for second := 1; second <= 100; second++ {
			for range 10 {
				queue.Submit(new(message))
			}
			<-worker.C
			if _, ok := queue.Next(); !ok {
				t.Fatal("nothing in the queue")
			}
			if want := 9 * second; queue.Len() != want {
				t.Fatalf("after %d s, %d tasks wait: want the backlog of all %d", second, queue.Len(), want)
			}
		}
		// Half of it is enough: what earlier tests have left behind may be freed meanwhile.
		if held := memory() - empty; held < 900*4<<10/2 {
			t.Errorf("900 waiting tasks of 4 KB hold only %d KB: the memory does not grow with the backlog", held>>10)
		}
		runtime.KeepAlive(&queue)
	})
}

// waitUntil returns when a goroutine in the function waits there, in that state.
func waitUntil(function, state string) {
	stacks := make([]byte, 1<<20)
	for {
		all := string(stacks[:runtime.Stack(stacks, true)])
		for stack := range strings.SplitSeq(all, "\n\n") {
			head, rest, _ := strings.Cut(stack, "\n")
			if strings.Contains(head, "["+state) && strings.Contains(rest, "."+function+"(") {
				return
			}
		}
		runtime.Gosched()
	}
}
