package fixes

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefreshReleasesEachContext(t *testing.T) {
	alone(t, "2.9: cancel must be called when the work is done, and when a deferred call runs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			items := make(chan string)
			var contexts []context.Context // one for each call of fetch
			live := func() (n int) {
				for _, ctx := range contexts {
					if ctx.Err() == nil {
						n++
					}
				}
				return n
			}
			go Refresh(t.Context(), items, func(ctx context.Context, item string) (int, error) {
				contexts = append(contexts, ctx)
				if item == "unknown" {
					return 0, errors.New("unknown item")
				}
				return 100, nil
			}, func(string, int) {})
			defer close(items)
			for _, item := range []string{"tea", "coffee", "unknown", "milk"} {
				items <- item
				synctest.Wait() // Refresh has ended with this item
				if n := live(); n > 0 && item == "unknown" {
					t.Fatalf("fetch failed, and %d of %d contexts are not canceled: each keeps a timer", n, len(contexts))
				} else if n > 0 {
					t.Fatalf("Refresh has ended with item %d and waits for the next: %d of %d contexts are not canceled, and each keeps a timer",
						len(contexts), n, len(contexts))
				}
			}
		})
	})
}

func TestRefreshGivesEachItemOneSecond(t *testing.T) {
	alone(t, "2.9: a context carries a deadline and cancellation down to the calls that get it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			shutdown, cancel := context.WithCancel(t.Context())
			items := make(chan string, 3)
			for _, item := range []string{"tea", "coffee", "milk"} {
				items <- item
			}
			close(items)
			calls := 0
			var stored []string
			Refresh(shutdown, items, func(ctx context.Context, item string) (int, error) {
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
				if err := ctx.Err(); err != nil {
					return 0, err
				}
				if calls == 3 {
					cancel()
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
	alone(t, "2.9: an error of one item ends this item, not the loop", func(t *testing.T) {
		items := make(chan string, 2)
		items <- "unknown"
		items <- "tea"
		close(items)
		var stored []string
		Refresh(t.Context(), items, func(_ context.Context, item string) (int, error) {
			if item == "unknown" {
				return 0, errors.New("unknown item")
			}
			return 100, nil
		}, func(item string, cents int) { stored = append(stored, item) })
		if len(stored) != 1 || stored[0] != "tea" {
			t.Errorf("the first item fails, the second is tea: Refresh stored %q, want only tea", stored)
		}
	})
}
