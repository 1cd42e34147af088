package main

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fannedOut sends n items through a quick stage, one with so many workers that
// takes what work takes, and another quick one. It returns the results and the
// time for all.
func fannedOut(t *testing.T, n, workers int, start starter, work func(context.Context, int) (int, error)) (results []int, took time.Duration) {
	t.Helper()
	began := time.Now()
	err := Run(t.Context(), func(p *Pipeline) error {
		in := Stage(p, 1, countTo(p, n), same)
		for v := range Stage(p, 1, start(p, workers, in, work), same) {
			results = append(results, v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return results, time.Since(began)
}

// A starter is Stage or Ordered.
type starter func(*Pipeline, int, <-chan int, func(context.Context, int) (int, error)) <-chan int

var starters = map[string]starter{"Stage": Stage[int, int], "Ordered": Ordered[int, int]}

// TestFanOutDividesTheTimeOfTheSlowStage gives a stage that takes 1 s for each of
// 120 items more and more workers (claim 6.3). The time is 120 s divided by their
// number, exactly, and all results are merged, none lost and none twice.
func TestFanOutDividesTheTimeOfTheSlowStage(t *testing.T) {
	const items = 120
	for name, start := range starters {
		for _, workers := range []int{1, 2, 3, 4, 60, 120} {
			synctest.Test(t, func(t *testing.T) {
				results, took := fannedOut(t, items, workers, start, taking(time.Second))
				if want := items / time.Duration(workers) * time.Second; took != want {
					t.Errorf("%s: %d items of 1 s took %v with %d workers, and %v if all of them work at the same time", name, items, took, workers, want)
				}
				slices.Sort(results)
				if len(slices.Compact(results)) != items {
					t.Errorf("%s: of %d items %d came out of %d merged workers", name, items, len(results), workers)
				}
			})
		}
	}
}

// TestOrderIsKeptAlthoughLaterItemsFinishFirst lets each item take less time
// than the one before (claim 6.3). All are begun at once, and so the last one is
// done first. Stage delivers it first, Ordered last.
func TestOrderIsKeptAlthoughLaterItemsFinishFirst(t *testing.T) {
	const items = 10
	inOrder := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	backwards := slices.Clone(inOrder)
	slices.Reverse(backwards)
	for name, want := range map[string][]int{"Stage": backwards, "Ordered": inOrder} {
		synctest.Test(t, func(t *testing.T) {
			results, took := fannedOut(t, items, items, starters[name], func(ctx context.Context, n int) (int, error) {
				return taking(time.Duration(items-n+1)*time.Second)(ctx, n)
			})
			if !slices.Equal(results, want) {
				t.Errorf("%s delivered %v, not %v: item 10 is done first, item 1 last", name, results, want)
			}
			if took != items*time.Second {
				t.Errorf("%s took %v, not as long as the slowest item, %v: they were not worked on at once", name, took, items*time.Second)
			}
		})
	}
}

// TestOrderedHoldsNoMoreThanItsQueue has the first item take so long that all
// others could be done meanwhile (claim 6.3). Order must not cost unbounded
// memory: the items behind it are begun until the queue is full, and then wait.
func TestOrderedHoldsNoMoreThanItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 4
		var begun atomic.Int64
		var meanwhile int64
		results, _ := fannedOut(t, 1000, workers, Ordered, func(ctx context.Context, n int) (int, error) {
			if n == 1 {
				time.Sleep(time.Hour)
				meanwhile = begun.Load()
			}
			begun.Add(1)
			return n, nil
		})
		if !slices.IsSorted(results) || len(results) != 1000 {
			t.Error("Ordered lost the order, or items")
		}
		if places := int64(workers + slack); meanwhile != places {
			t.Errorf("%d items were done while the first one was not, and the queue has %d places: memory is not bounded by it", meanwhile, places)
		}
	})
}
