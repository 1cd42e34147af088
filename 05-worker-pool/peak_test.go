package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
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
				peak, ended := lanes.Peak(), 0
				for _, lane := range lanes.Spans() { // while others end: the race detector sees whether this is allowed
					ended += len(lane)
				}
				if ended >= tasks || peak > workers {
					t.Errorf("%d workers: %d tasks at the same time, %d of %d tasks have ended during a task", workers, peak, ended, tasks)
				}
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
		const tasks = 1000
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

// TestTaskTakesTheFirstLaneThatIsFree has six tasks, of which up to two run at the same
// time (claim 5.1).
func TestTaskTakesTheFirstLaneThatIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		at := func(second int) time.Time { return began.Add(time.Duration(second) * time.Second) }
		var lanes Lanes
		sleepUntil := func(second int) { time.Sleep(time.Until(at(second))) }
		one, two := lanes.Enter(), lanes.Enter()
		sleepUntil(1)
		one()
		two()
		sleepUntil(2)
		three, four := lanes.Enter(), lanes.Enter()
		sleepUntil(3)
		four()
		sleepUntil(4)
		five := lanes.Enter()
		if got, want := fmt.Sprint(lanes.Spans()), fmt.Sprint([][]Span{{{at(0), at(1)}}, {{at(0), at(1)}, {at(2), at(3)}}}); got != want {
			t.Errorf("got %s, want %s: the tasks that have ended, by lane", got, want)
		}
		three()
		five()
		sleepUntil(5)
		lanes.Enter()()
		if got, want := fmt.Sprint(lanes.Spans()), fmt.Sprint([][]Span{{{at(0), at(1)}, {at(2), at(4)}, {at(5), at(5)}}, {{at(0), at(1)}, {at(2), at(3)}, {at(4), at(4)}}}); got != want || lanes.Peak() != 2 {
			t.Errorf("got %d lanes, %s; want 2, %s", lanes.Peak(), got, want)
		}
	})
}

// TestEachTaskHasALaneOfItsOwn although ten begin at the same moment (claim 5.1).
func TestEachTaskHasALaneOfItsOwn(t *testing.T) {
	var lanes Lanes
	compete(&lanes.mu, "(*Lanes).Enter", 10, func() { lanes.Enter() })
	if lanes.Peak() != 10 {
		t.Errorf("ten tasks run at the same time, and have %d lanes", lanes.Peak())
	}
}

// TestMemoryDoesNotCountWhatASyncPoolKeeps puts 8 MB into a pool: a garbage collection
// moves it to where the next one frees it.
func TestMemoryDoesNotCountWhatASyncPoolKeeps(t *testing.T) {
	var pool sync.Pool
	memory() // frees what other tests have left, too
	before := memory()
	pool.Put(new([8 << 20]byte))
	if held := memory() - before; held > 4<<20 {
		t.Errorf("8 MB in a sync.Pool count as %d KB in use, want none", held>>10)
	}
	runtime.KeepAlive(&pool)
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

// TestMeetingBlocksUntilAllHaveCome has three callers, one each second. A later call
// does not block.
func TestMeetingBlocksUntilAllHaveCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		meet, began := meeting(3), time.Now()
		for second := range 3 {
			go func() {
				time.Sleep(time.Duration(second) * time.Second)
				meet()
				if took := time.Since(began); took != 2*time.Second {
					t.Errorf("caller %d of 3 was blocked until %v, want 2s, when the last one came", second+1, took)
				}
			}()
		}
		time.Sleep(time.Minute)
		meet()
		if took := time.Since(began); took != time.Minute {
			t.Errorf("a later call was blocked until %v, want 1m0s, when it was made", took)
		}
	})
}
