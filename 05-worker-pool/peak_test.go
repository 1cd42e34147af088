package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPoolRunsAsManyTasksAsItHasWorkers gives 100 tasks of a second each to pools
// of several sizes, in fake time (claim 5.1). The time is a second check: it is
// exact only if all workers are busy all the time.
func TestPoolRunsAsManyTasksAsItHasWorkers(t *testing.T) {
	for workers, seconds := range map[int]int{1: 100, 3: 34, 10: 10, 100: 1} {
		synctest.Test(t, func(t *testing.T) {
			const tasks = 100
			var lanes Lanes
			began := time.Now()
			p := NewPool(t.Context(), Config{Workers: workers, Queue: 7}, func(context.Context, int) error {
				defer lanes.Enter()()
				time.Sleep(time.Second)
				return nil
			})
			submitAll(t, p, tasks)
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if lanes.Peak() != workers {
				t.Errorf("up to %d tasks ran at the same time; the pool has %d workers", lanes.Peak(), workers)
			}
			if took, want := time.Since(began), time.Duration(seconds)*time.Second; took != want {
				t.Errorf("%d workers did %d tasks of 1 s in %v, want %v", workers, tasks, took, want)
			}
		})
	}
}

// TestTooSmallNumbersAreRaised has the least of everything: fewer than 1 worker
// count as 1, and a queue of fewer than 0 has 0 slots (claim 5.1).
func TestTooSmallNumbersAreRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lanes Lanes
		p := NewPool(t.Context(), Config{Workers: -1, Queue: -1}, func(context.Context, int) error {
			defer lanes.Enter()()
			time.Sleep(time.Second)
			return nil
		})
		submitAll(t, p, 2)
		synctest.Wait()
		if err := p.TrySubmit(2); err != ErrFull {
			t.Errorf("the worker is busy and there is no queue; TrySubmit returned %v, want %v", err, ErrFull)
		}
		if err := p.Close(); err != nil || lanes.Peak() != 1 {
			t.Errorf("-1 workers: up to %d tasks ran at the same time, want 1; Close returned %v", lanes.Peak(), err)
		}
		if results, err := Map(t.Context(), -1, []int{7}, sleepFor); err != nil || len(results) != 1 || results[0] != 7 {
			t.Errorf("Map with -1 workers returned %v, %v, want [7]", results, err)
		}
		yielded := 0
		for r := range AsDone(t.Context(), -1, []int{7}, sleepFor) {
			yielded += r.Value
		}
		if yielded != 7 {
			t.Errorf("AsDone with -1 workers yielded %d, want 7", yielded)
		}
	})
}

// TestGoroutinePerTaskRunsAllAtTheSameTime is the wrong way (negative control of 5.1).
func TestGoroutinePerTaskRunsAllAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tasks = 100
		var lanes Lanes
		PerTask(t.Context(), make([]int, tasks), func(context.Context, int) {
			defer lanes.Enter()()
			time.Sleep(time.Second)
		})
		if lanes.Peak() != tasks {
			t.Errorf("up to %d tasks ran at the same time, want all %d: nothing limits them", lanes.Peak(), tasks)
		}
	})
}

// submitAll submits the tasks 0 to n-1.
func submitAll(t *testing.T, p *Pool[int], n int) {
	t.Helper()
	for task := range n {
		if err := p.Submit(t.Context(), task); err != nil {
			t.Fatalf("task %d: %v", task, err)
		}
	}
}
