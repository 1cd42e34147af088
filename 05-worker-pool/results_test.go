package main

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestEveryTaskRunsOnce has many goroutines submit to one pool at the same time,
// in both ways (claim 5.2).
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
			t.Errorf("task %d ran %d times", task, n)
		}
	}
}

// TestSubmittedBeforeCloseRunsAndAfterIsRefused closes a pool while others
// submit: what was taken is done, the rest is told so, and nothing else happens
// (claim 5.2).
func TestSubmittedBeforeCloseRunsAndAfterIsRefused(t *testing.T) {
	var ran, taken atomic.Int64
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
					taken.Add(1)
					continue
				}
				if err != ErrClosed {
					t.Errorf("a task that came after Close got the error %v", err)
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
	if ran.Load() != taken.Load() {
		t.Errorf("%d tasks were taken, and %d have run", taken.Load(), ran.Load())
	}
	if err := p.TrySubmit(0); err != ErrClosed {
		t.Errorf("TrySubmit on a closed pool returned %v", err)
	}
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
			t.Errorf("for the tasks %v the results came as %v, %v: not in their order", slowestFirst, results, err)
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
				t.Errorf("result %+v came at %v: not as soon as it was there", r, at)
			}
		}
		if seconds != 5 {
			t.Errorf("%d results of 5 tasks", seconds)
		}
	})
}

// TestNothingToDo has no tasks, no workers and no queue.
func TestNothingToDo(t *testing.T) {
	if results, err := Map(t.Context(), 4, nil, sleepFor); len(results) != 0 || err != nil {
		t.Errorf("Map of no tasks returned %v, %v", results, err)
	}
	for r := range AsDone(t.Context(), 4, nil, sleepFor) {
		t.Errorf("AsDone of no tasks yielded %v", r)
	}
	if results, err := Map(t.Context(), 0, []int{0, 0}, sleepFor); len(results) != 2 || err != nil {
		t.Errorf("Map with 0 workers, which count as 1, returned %v, %v", results, err)
	}
	p := NewPool(t.Context(), Config{}, func(context.Context, int) error { return errors.New("done") })
	if err := p.Submit(t.Context(), 0); err != nil {
		t.Error(err)
	}
	if first, second := p.Close(), p.Close(); first == nil || first != second {
		t.Errorf("Close returned %v, and the second time %v", first, second)
	}
}
