package main

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWaitingTasksGainFromEveryWorker has 64 tasks wait a second each, in fake
// time (claim 5.5): twice the workers, half the time, to the very last.
func TestWaitingTasksGainFromEveryWorker(t *testing.T) {
	for workers := 1; workers <= 64; workers *= 2 {
		synctest.Test(t, func(t *testing.T) {
			each, err := TimePerTask(t.Context(), workers, 64, func(context.Context, struct{}) (struct{}, error) {
				time.Sleep(time.Second)
				return struct{}{}, nil
			})
			if want := time.Second / time.Duration(workers); err != nil || each != want {
				t.Errorf("%d workers took %v for each task that sleeps for 1 s (%v), want %v", workers, each, err, want)
			}
		})
	}
}

// TestComputingTasksGainNothingBeyondTheProcessors gives eight workers one
// processor and counts how often it changes hands (claim 5.5): were two tasks
// ever computing at the same time, it would be at nearly every step.
func TestComputingTasksGainNothingBeyondTheProcessors(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	const workers, steps = 8, 200_000
	var last, changes atomic.Int64
	together := meeting(workers)
	tasks := []int{1, 2, 3, 4, 5, 6, 7, 8}
	if _, err := Map(t.Context(), workers, tasks, func(_ context.Context, me int) (int, error) {
		together()
		for range steps {
			if last.Swap(int64(me)) != int64(me) {
				changes.Add(1)
			}
		}
		return 0, nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d steps, %d changes of hands", workers*steps, changes.Load())
	if workers*steps/changes.Load() < 100 {
		t.Errorf("in %d steps the only processor changed hands %d times: the tasks ran in parallel, so more workers than processors would gain", workers*steps, changes.Load())
	}
}

// TestSlowServerServesItsCallers makes real calls, more than two at once (claim 5.5).
func TestSlowServerServesItsCallers(t *testing.T) {
	server, err := StartSlowServer(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if _, err := TimePerTask(t.Context(), 8, 32, func(ctx context.Context, _ struct{}) (struct{}, error) {
		return struct{}{}, server.Call(ctx)
	}); err != nil {
		t.Error(err)
	}
}

// TestScaledPictureLooksLikeItsOriginal compares their middle and their edge (claim 5.5).
func TestScaledPictureLooksLikeItsOriginal(t *testing.T) {
	photo := Photo(640)
	small := Scale(photo, 64)
	for _, at := range []int{0, 20, 32, 63} {
		a, b := int(photo.GrayAt(at*10+5, at*10+5).Y), int(small.GrayAt(at, at).Y)
		if max(a, b)-min(a, b) > 40 {
			t.Errorf("pixel %d of the small picture is %d, and there the large one has %d", at, b, a)
		}
	}
}
