package main

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fannedOut sends n items through a quick stage, a stage that does work, with the
// given number of workers, and another quick stage. It returns the results and the
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
// 120 items more and more workers (claim 6.3). The time is exactly 120 s divided by
// their number, and every result arrives once. Fewer than 1 worker count as 1.
func TestFanOutDividesTheTimeOfTheSlowStage(t *testing.T) {
	const items = 120
	for name, start := range starters {
		for _, workers := range []int{-100, 0, 1, 2, 3, 4, 60, 120} {
			synctest.Test(t, func(t *testing.T) {
				results, took := fannedOut(t, items, workers, start, taking(time.Second))
				if want := items / time.Duration(max(workers, 1)) * time.Second; took != want {
					t.Errorf("%s: %d items of 1 s took %v with %d workers, want %v: they do not all work at the same time", name, items, took, workers, want)
				}
				slices.Sort(results)
				if len(results) != items || len(slices.Compact(results)) != items {
					t.Errorf("%s: %d of %d items arrived, with %d workers", name, len(results), items, workers)
				}
			})
		}
	}
}

// TestOrderedKeepsTheOrderWhenLaterItemsFinishFirst has each item take less time
// than the one before (claim 6.3). All begin at the same time, so the last one is
// done first. Stage delivers it first, Ordered last.
func TestOrderedKeepsTheOrderWhenLaterItemsFinishFirst(t *testing.T) {
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
				t.Errorf("%s delivered %v, want %v: item 10 is done first, item 1 last", name, results, want)
			}
			if took != items*time.Second {
				t.Errorf("%s took %v, want %v, the time of the slowest item: the items did not run at the same time", name, took, items*time.Second)
			}
		})
	}
}

// TestOrderedHoldsNoMoreThanItsQueue has the first item take an hour, in which all
// others could be done (claim 6.3). Order must not cost unbounded memory: the items
// behind it begin only until the queue is full.
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
			t.Errorf("%d items were done while the first one was not, want %d, the places of the queue: it does not bound the memory", meanwhile, places)
		}
	})
}

// TestEndlessSourceHasNoEnd: only an error of emit ends it.
func TestEndlessSourceHasNoEnd(t *testing.T) {
	const items = 1 << 20
	n := 0
	if err := endless(t.Context(), func(item int) error {
		if n++; item != n {
			t.Fatalf("item %d is %d", n, item)
		}
		if n == items {
			return errBroken
		}
		return nil
	}); err != errBroken || n != items {
		t.Errorf("the source ended with %v after %d items, want %v after %d", err, n, errBroken, items)
	}
}
