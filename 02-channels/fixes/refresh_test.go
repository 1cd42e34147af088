package exercise_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/02-channels/fixes"
)

var errUnknown = errors.New("unknown item")

func TestRefreshReleasesEachContext(t *testing.T) {
	alone(t, "section 2.9: cancel must be called. When does a deferred call run?", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			due := make(chan string)
			var contexts []context.Context // one for each call of fetch
			ended := make(chan struct{})
			refresh := func(fetch func(context.Context, string) (int, error), store func(string, int)) {
				defer close(ended)
				Refresh(t.Context(), due, fetch, store)
			}
			go refresh(func(ctx context.Context, item string) (int, error) {
				contexts = append(contexts, ctx)
				if item == "unknown" {
					return 0, errUnknown
				}
				return 100, nil
			}, func(string, int) {})
			for _, item := range []string{"tea", "coffee", "unknown", "milk"} {
				select {
				case due <- item:
				case <-ended:
					t.Fatalf("Refresh returned, and ctx is not done: want it to block until the next item is due\n→ section 2.9: the error of one item must not end the loop")
				}
				synctest.Wait() // Refresh has finished this item
				live := 0
				for _, ctx := range contexts {
					if ctx.Err() == nil {
						live++
					}
				}
				switch {
				case live > 0 && item == "unknown":
					t.Fatalf("fetch failed, and the contexts of %d of %d finished items are not canceled\n→ each way out of the loop's body: is cancel called there, or deferred until Refresh returns?", live, len(contexts))
				case live > 0:
					t.Fatalf("the contexts of %d of %d finished items are not canceled\n→ cancel: is it called when an item is finished, or deferred until Refresh returns?", live, len(contexts))
				}
			}
		})
	})
}

func TestRefreshGivesEachItemOneSecond(t *testing.T) {
	alone(t, "section 2.9: a context carries a deadline and cancellation down the tree of calls", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			server, shutdown := context.WithCancel(t.Context())
			due := make(chan string, 3)
			for _, item := range []string{"tea", "coffee", "milk"} {
				due <- item
			}
			calls := 0
			var stored []string
			Refresh(server, due, func(ctx context.Context, item string) (int, error) {
				calls++
				deadline, ok := ctx.Deadline()
				switch left := time.Until(deadline); {
				case ctx.Err() != nil:
					t.Errorf("fetch of item %d got a context that is already done: %v", calls, context.Cause(ctx))
				case !ok:
					t.Errorf("fetch of item %d got a context without a deadline, want 1s", calls)
				case left != time.Second:
					t.Errorf("fetch of item %d has %v until its deadline, want 1s", calls, left)
				}
				time.Sleep(600 * time.Millisecond)
				if calls == 3 {
					shutdown()
					if ctx.Err() == nil {
						t.Error("the server shuts down, and the context of fetch is not canceled: it is not derived from ctx")
					}
				}
				return calls, nil
			}, func(item string, cents int) { stored = append(stored, fmt.Sprint(item, " ", cents)) })
			if got, want := fmt.Sprint(stored), "[tea 1 coffee 2 milk 3]"; got != want {
				t.Errorf("Refresh stored %v, want %v", got, want)
			}
		})
	})
}

func TestRefreshKeepsTheOldPriceOfAnItemThatFails(t *testing.T) {
	alone(t, "section 2.9: the error of one item must not end the loop", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			due := make(chan string, 2)
			due <- "unknown"
			due <- "tea"
			var stored []string
			Refresh(ctx, due, func(_ context.Context, item string) (int, error) {
				if item == "unknown" {
					return 0, errUnknown
				}
				return 100, nil
			}, func(item string, _ int) { stored = append(stored, item) })
			if len(stored) != 1 || stored[0] != "tea" {
				t.Errorf("the first item fails, the second is tea: Refresh stored %q, want only tea", stored)
			}
			if ctx.Err() == nil {
				t.Error("Refresh returned, and ctx is not done: want it to block until the next item is due")
			}
		})
	})
}
