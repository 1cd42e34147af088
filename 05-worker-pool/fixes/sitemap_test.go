package exercise_test

import (
	"fmt"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/05-worker-pool/fixes"
)

// links yields n links and counts how many have been taken.
func links(n int, taken *atomic.Int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range n {
			if taken.Add(1); !yield(fmt.Sprint("https://example.com/", i)) {
				return
			}
		}
	}
}

func TestSitemapStartsNoMoreGoroutinesThanItNeeds(t *testing.T) {
	alone(t, "section 5.7: acquire the slot before the go statement", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var taken, fetched atomic.Int64
			free := make(chan struct{})
			done := make(chan struct{})
			go func() {
				defer close(done)
				Sitemap(links(1000, &taken), 5, func(string) { <-free; time.Sleep(time.Second); fetched.Add(1) })
			}()
			synctest.Wait() // until no more fetches begin
			// With 5 fetches and a queue of 5 for workers it would be 11.
			if n := taken.Load(); n > 12 {
				t.Errorf("the limit is 5, and while 5 fetches block, %d links of the file have been taken into memory", n)
			}
			close(free)
			<-done
			if n := fetched.Load(); n != 1000 {
				t.Errorf("Sitemap returned when %d of 1000 fetches had ended", n)
			}
		})
	})
}

func TestSitemapFetchesUpToTheLimit(t *testing.T) {
	alone(t, "section 5.7: a semaphore has as many slots as tasks may run at the same time", func(t *testing.T) {
		for _, limit := range []int{1, 5} {
			synctest.Test(t, func(t *testing.T) {
				var taken, running, peak, fetched atomic.Int64
				began := time.Now()
				Sitemap(links(20, &taken), limit, func(string) {
					now := running.Add(1)
					for p := peak.Load(); now > p && !peak.CompareAndSwap(p, now); p = peak.Load() {
					}
					time.Sleep(time.Second)
					running.Add(-1)
					fetched.Add(1)
				})
				if peak.Load() != int64(limit) || fetched.Load() != 20 || running.Load() != 0 {
					t.Errorf("the limit is %d: up to %d fetches were in progress, and %d of 20 had ended when Sitemap returned", limit, peak.Load(), fetched.Load())
				}
				if took, want := time.Since(began), time.Duration(20/limit)*time.Second; took != want {
					t.Errorf("the limit is %d: 20 fetches of a second took %v, want %v", limit, took, want)
				}
			})
		}
	})
}
