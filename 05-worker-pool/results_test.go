package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestEveryTaskRunsOnce has many goroutines submit to one pool at the same time,
// with both methods (claim 5.2).
func TestEveryTaskRunsOnce(t *testing.T) {
	const submitters, each = 8, 500
	var runs [submitters * each]atomic.Int32
	p := NewPool(t.Context(), Config{Workers: 4, Queue: 2}, func(_ context.Context, task int) error {
		runs[task].Add(1)
		return nil
	})
	var group sync.WaitGroup
	for me := range submitters {
		group.Go(func() {
			for i := range each {
				task := me*each + i
				err := p.TrySubmit(task)
				if err == ErrFull {
					err = p.Submit(t.Context(), task)
				}
				if err != nil {
					t.Errorf("task %d: %v", task, err)
				}
			}
		})
	}
	group.Wait()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for task := range runs {
		if n := runs[task].Load(); n != 1 {
			t.Errorf("task %d ran %d times, want once", task, n)
		}
	}
}

// TestAcceptedBeforeCloseRunsAndLaterIsRefused closes a pool while other
// goroutines submit: a task runs if Submit returned nil, and only then (claim 5.2).
func TestAcceptedBeforeCloseRunsAndLaterIsRefused(t *testing.T) {
	var ran, accepted atomic.Int64
	p := NewPool(t.Context(), Config{Workers: 2, Queue: 4}, func(context.Context, int) error {
		ran.Add(1)
		return nil
	})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for {
				err := p.Submit(t.Context(), 0)
				if err == nil {
					accepted.Add(1)
					continue
				}
				if err != ErrClosed {
					t.Errorf("after Close, Submit returned %v, want %v", err, ErrClosed)
				}
				return
			}
		})
	}
	for ran.Load() < 100 {
		runtime.Gosched()
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	group.Wait()
	if ran.Load() != accepted.Load() {
		t.Errorf("%d tasks were accepted, but %d ran", accepted.Load(), ran.Load())
	}
	if err := p.TrySubmit(0); err != ErrClosed {
		t.Errorf("after Close, TrySubmit returned %v, want %v", err, ErrClosed)
	}
	if err := p.Submit(t.Context(), 0); err != ErrClosed {
		t.Errorf("after Close, Submit returned %v, want %v", err, ErrClosed)
	}
}

// TestQueueIsFirstInFirstOut has one worker and a queue of five tasks (claim 5.2).
func TestQueueIsFirstInFirstOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []int
		p := NewPool(t.Context(), Config{Workers: 1, Queue: 5}, func(_ context.Context, task int) error {
			order = append(order, task)
			time.Sleep(time.Second)
			return nil
		})
		submitAll(t, p, 6)
		if err := p.Close(); err != nil || !slices.Equal(order, []int{0, 1, 2, 3, 4, 5}) {
			t.Errorf("the tasks ran in the order %v, want that of Submit; Close returned %v", order, err)
		}
	})
}

// The first task takes longest: 5 s, 4 s, 3 s, 2 s, 1 s.
var slowestFirst = []int{5, 4, 3, 2, 1}

func sleepFor(_ context.Context, seconds int) (int, error) {
	time.Sleep(time.Duration(seconds) * time.Second)
	return seconds, nil
}

// TestMapReturnsResultsInOrder has the first task end last (claim 5.2).
func TestMapReturnsResultsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results, err := Map(t.Context(), 5, slowestFirst, sleepFor)
		if err != nil || !slices.Equal(results, slowestFirst) {
			t.Errorf("for the tasks %v the results are %v, %v: not in the order of the tasks", slowestFirst, results, err)
		}
	})
}

// pairs let their callers go on two at a time, so that what they do next overlaps. A caller
// whose partner does not come soon goes on alone: the machine may be busy.
type pairs struct{ came, met atomic.Int64 }

func (p *pairs) meet() {
	if n := p.came.Add(1); n%2 == 1 {
		for range 10_000 {
			if p.came.Load() != n {
				p.met.Add(1)
				return
			}
		}
	}
}

// until calls f until two hundred pairs have met. On a single CPU hardly any do.
func (p *pairs) until(f func()) {
	for range 300 {
		if f(); p.met.Load() >= 200 || runtime.GOMAXPROCS(0) == 1 {
			return
		}
	}
}

// TestMapBeginsEachTaskOnce: two workers take tasks in pairs. If to take one were several
// operations, both would often take the same task.
func TestMapBeginsEachTaskOnce(t *testing.T) {
	var together pairs
	together.until(func() {
		var begun [10_000]atomic.Int64
		tasks := make([]int, len(begun))
		for i := range tasks {
			tasks[i] = i
		}
		Map(t.Context(), 2, tasks, func(_ context.Context, task int) (int, error) {
			if begun[task].Add(1); task%100 == 0 {
				together.meet()
			}
			return 0, nil
		})
		for task := range begun {
			if n := begun[task].Load(); n != 1 {
				t.Fatalf("task %d was begun %d times, want once", task, n)
			}
		}
	})
}

// TestMapGivesTheNextTaskToTheWorkerThatIsFree: one worker needs 5 s for the first
// task. Meanwhile the other one does all the rest.
func TestMapGivesTheNextTaskToTheWorkerThatIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, err := Map(t.Context(), 2, []int{5, 1, 1, 1, 1, 1}, sleepFor)
		if took := time.Since(began); err != nil || took != 5*time.Second {
			t.Errorf("tasks of 5, 1, 1, 1, 1 and 1 s took 2 workers %v, %v; want 5s: a worker that is free takes the next task", took, err)
		}
	})
}

// TestAsDoneYieldsEachResultWhenItIsThere looks at the clock for each (claim 5.2).
func TestAsDoneYieldsEachResultWhenItIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		seconds := 0
		for r := range AsDone(t.Context(), 5, slowestFirst, sleepFor) {
			seconds++
			if at := time.Since(began); at != time.Duration(seconds)*time.Second || r.Value != seconds || slowestFirst[r.Task] != r.Value || r.Err != nil {
				t.Errorf("result %+v was yielded after %v, want result %d, after %d s", r, at, seconds, seconds)
			}
		}
		if seconds != 5 {
			t.Errorf("%d results of 5 tasks", seconds)
		}
	})
}

// TestAsDoneBeginsWithTheLoop gets an iterator, and uses it an hour later and once more: each loop runs the tasks.
func TestAsDoneBeginsWithTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun atomic.Int64
		results := AsDone(t.Context(), 2, []int{1, 2, 3}, func(ctx context.Context, task int) (int, error) {
			begun.Add(1)
			return task, ctx.Err()
		})
		time.Sleep(time.Hour)
		for loop := range int64(2) {
			if n := begun.Load(); n != 3*loop {
				t.Errorf("before loop %d, %d tasks had begun, want %d", loop+1, n, 3*loop)
			}
			for r := range results {
				if r.Err != nil {
					t.Errorf("loop %d yielded %+v, want no error", loop+1, r)
				}
			}
		}
		if n := begun.Load(); n != 6 {
			t.Errorf("after two loops over 3 tasks, %d tasks had begun, want 6", n)
		}
	})
}

// TestNoTasksHaveNoResults has nothing to do.
func TestNoTasksHaveNoResults(t *testing.T) {
	if results, err := Map(t.Context(), 4, nil, sleepFor); len(results) != 0 || err != nil {
		t.Errorf("Map of no tasks returned %v, %v", results, err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if results, err := Map(canceled, 4, nil, sleepFor); len(results) != 0 || err != nil {
		t.Errorf("Map of no tasks, with a context that is done, returned %v, %v; want no error: the cancellation has kept no task from being done", results, err)
	}
	for r := range AsDone(t.Context(), 4, nil, sleepFor) {
		t.Errorf("AsDone of no tasks yielded %v", r)
	}
	if err := NewPool(t.Context(), Config{}, func(context.Context, int) error { return nil }).Close(); err != nil {
		t.Errorf("Close of a pool without tasks returned %v", err)
	}
}

// TestCallsAtTheSameTimeAreCounted has two tasks end, two calls enter and leave, and two
// calls of Close, in pairs. If a count were read and then written, changes would get
// lost: the channel could be closed while a Submit sends.
func TestCallsAtTheSameTimeAreCounted(t *testing.T) {
	var tasks, closes pairs
	for round := 0; round < 1500 && closes.met.Load() < 300; round++ {
		p := NewPool(t.Context(), Config{Workers: 2, Queue: 4}, func(context.Context, int) error { tasks.meet(); return nil })
		submitAll(t, p, 4)
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				closes.meet()
				for range 20 {
					if p.enter() {
						p.leave()
					}
				}
				closes.meet()
				for range rand.N(200) { // neither of them is always the first
					p.closed.Load()
				}
				p.Close()
			})
		}
		group.Wait()
		if idle, users := p.idle.Load(), p.users.Load(); idle != 2 || users != 0 {
			t.Fatalf("the pool has ended, and counts %d of 2 workers as idle, and %d users of its channel, want 2 and 0", idle, users)
		}
		if runtime.GOMAXPROCS(0) == 1 {
			return // they hardly ever meet
		}
	}
}
