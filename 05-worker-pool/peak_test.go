package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestPoolHasAsManyTasksUnderWayAsWorkers gives 100 tasks of a second each to
// pools of several sizes, in fake time (claim 5.1). The time is a second test:
// it is exact only if all workers work all the time.
func TestPoolHasAsManyTasksUnderWayAsWorkers(t *testing.T) {
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
				t.Errorf("%d tasks were under way at once with %d workers", lanes.Peak(), workers)
			}
			if took := time.Since(began); took != time.Duration(seconds)*time.Second {
				t.Errorf("%d tasks of 1 s took %d workers %v, and should take %d s", tasks, workers, took, seconds)
			}
		})
	}
}

// TestGoroutinePerTaskHasAllUnderWayAtOnce is the wrong way (negative control of 5.1).
func TestGoroutinePerTaskHasAllUnderWayAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tasks = 100
		var lanes Lanes
		PerTask(t.Context(), make([]int, tasks), func(context.Context, int) {
			defer lanes.Enter()()
			time.Sleep(time.Second)
		})
		if lanes.Peak() != tasks {
			t.Errorf("%d of %d tasks were under way at once: want all, for nothing bounds them", lanes.Peak(), tasks)
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
