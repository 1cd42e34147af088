package main

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// taking returns work that takes d for each item, more than 0.
func taking(d time.Duration) func(context.Context, int) (int, error) {
	return func(ctx context.Context, n int) (int, error) {
		select {
		case <-time.After(d):
			return n, nil
		case <-ctx.Done():
			return n, context.Cause(ctx)
		}
	}
}

// threeStages sends n items through stages that take 1 s, 3 s and 2 s for each,
// linked by between, and returns the time for all.
func threeStages(t *testing.T, n int, between func(*Pipeline, <-chan int) <-chan int) time.Duration {
	t.Helper()
	began := time.Now()
	err := Run(t.Context(), func(p *Pipeline) error {
		first := Stage(p, 1, countTo(p, n), taking(1*time.Second))
		second := Stage(p, 1, between(p, first), taking(3*time.Second))
		third := Stage(p, 1, between(p, second), taking(2*time.Second))
		for range third {
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

// TestOverlappingStagesTakeAsLongAsTheSlowest has three stages work at the same time (claim
// 6.1): the first item passes through all of them, 1+3+2 s, and then the slowest
// one delivers another every 3 s. The clock is a fake one, so the time is exact.
func TestOverlappingStagesTakeAsLongAsTheSlowest(t *testing.T) {
	for _, n := range []int{1, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			took := threeStages(t, n, func(_ *Pipeline, in <-chan int) <-chan int { return in })
			if want := 6*time.Second + time.Duration(n-1)*3*time.Second; took != want {
				t.Errorf("%d items took %v, want %v: a stage waited for the work of another one", n, took, want)
			}
		})
	}
}

// TestCollectingStagesTakeTheSum collects everything between the stages
// (negative control of 6.1): no two of them ever work at the same time.
func TestCollectingStagesTakeTheSum(t *testing.T) {
	for _, n := range []int{1, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			took := threeStages(t, n, Collecting)
			if want := time.Duration(n) * 6 * time.Second; took != want {
				t.Errorf("%d items took %v, want %v, the sum of the stages", n, took, want)
			}
		})
	}
}

// TestLaneRecordsSeveralWorkers has four workers record 20 items of 1 s each (claim
// 6.1). The race detector sees whether they share the lane correctly.
func TestLaneRecordsSeveralWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lane Lane
		if err := Run(t.Context(), func(p *Pipeline) error {
			return consume(Stage(p, 4, countTo(p, 20), Watch(&lane, taking(time.Second))))
		}); err != nil || lane.Busy() != 20*time.Second {
			t.Errorf("20 items of 1 s: the stage was busy for %v (%v), want 20s", lane.Busy(), err)
		}
	})
}

// TestWatchedWorkReturnsTheSame has work that returns a result and an error (claim 6.1).
func TestWatchedWorkReturnsTheSame(t *testing.T) {
	work := func(ctx context.Context, n int) (int, error) { return n + 1, context.Cause(ctx) }
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errBroken)
	lane := new(Lane)
	if n, err := Watch(lane, work)(ctx, 6); n != 7 || err != errBroken {
		t.Errorf("work returns 7 and %v; watched it returns %d and %v", errBroken, n, err)
	}
	func() {
		defer func() { recover() }()
		Watch(lane, func(context.Context, int) (int, error) { panic("a bug") })(ctx, 6)
	}()
	if n := len(lane.busy); n != 2 {
		t.Errorf("work has failed and has panicked, and %d calls are recorded, want 2", n)
	}
	if err := WatchSource(lane, func(ctx context.Context, _ func(int) error) error { return context.Cause(ctx) })(ctx, nil); err != errBroken {
		t.Errorf("a source that is watched has a context with the cause %v, want %v", err, errBroken)
	}
	if n, err := watched(newChart("", "", ""), 2, work)(ctx, 6); n != 7 || err != errBroken {
		t.Errorf("work returns 7 and %v; in a chart it returns %d and %v", errBroken, n, err)
	}
}

// TestSourceIsNotBusyWhileItIsBlocked has a source take 1 s before each of three
// items and 1 s after the last, and its receiver 10 s for each (claim 6.1).
func TestSourceIsNotBusyWhileItIsBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lane Lane
		source := WatchSource(&lane, func(_ context.Context, emit func(int) error) error {
			for n := range 3 {
				time.Sleep(time.Second)
				if err := emit(n); err != context.Canceled {
					t.Errorf("emit returned %v, want the error of the emit that it calls", err)
				}
			}
			time.Sleep(time.Second)
			return errBroken
		})
		received := 0
		err := source(t.Context(), func(n int) error {
			if n != received {
				t.Errorf("item %d was emitted as %d", received, n)
			}
			received++
			time.Sleep(10 * time.Second)
			return context.Canceled
		})
		if err != errBroken || received != 3 || lane.Busy() != 4*time.Second {
			t.Errorf("the source returned %v after %d items and was busy for %v, want %v, 3, 4s", err, received, lane.Busy(), errBroken)
		}
	})
}

// TestCellsOfLane divides 4 s into four parts, and no time at all: a clock that ticks
// every 15.6 ms, as on Windows, measures 0 for a quick run.
func TestCellsOfLane(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	for _, c := range []struct {
		name  string
		whole Span
		busy  []Span
		want  []float64
	}{
		{"busy from 0.5 s to 2 s of 4 s", Span{at(0), at(4000)}, []Span{{at(500), at(2000)}}, []float64{0.5, 1, 0, 0}},
		{"busy before and after the 4 s", Span{at(0), at(4000)}, []Span{{at(-500), at(500)}, {at(3000), at(9000)}}, []float64{0.5, 0, 0, 1}},
		{"no time at all", Span{at(0), at(0)}, []Span{{at(0), at(0)}, {at(0), at(10)}}, []float64{0, 0, 0, 0}},
	} {
		lane := Lane{busy: c.busy}
		if got := lane.Cells(c.whole, 4); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
