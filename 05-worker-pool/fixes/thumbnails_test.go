package exercise_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/05-worker-pool/fixes"
)

// uploads is a list of files, and what happens to them.
type uploads struct {
	mu      sync.Mutex
	running int            // guarded by mu
	peak    int            // guarded by mu
	scaled  map[string]int // how often; guarded by mu
}

// scale needs a second for each file.
func (u *uploads) scale(file string) {
	u.mu.Lock()
	u.running++
	u.peak = max(u.peak, u.running)
	u.mu.Unlock()
	time.Sleep(time.Second)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.running--
	u.scaled[file]++
}

func files(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("%d.png", i))
	}
	return all
}

func TestThumbnailsLeavesNoWorker(t *testing.T) {
	alone(t, "section 5.4: the goroutine that starts workers closes their channel", func(t *testing.T) {
		for _, n := range []int{0, 1, 10} {
			synctest.Test(t, func(t *testing.T) {
				u := &uploads{scaled: make(map[string]int)}
				Thumbnails(files(n), 4, u.scale)
				time.Sleep(time.Hour)
				synctest.Wait()
			})
		}
	})
}

func TestThumbnailsScalesEveryFileOnce(t *testing.T) {
	alone(t, "section 5.2: every task runs once, and Wait returns after the last one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := &uploads{scaled: make(map[string]int)}
			Thumbnails(files(10), 4, u.scale)
			u.mu.Lock()
			defer u.mu.Unlock()
			if u.running > 0 || len(u.scaled) != 10 {
				t.Errorf("Thumbnails returned when %d of 10 files were scaled and %d were in progress", len(u.scaled), u.running)
			}
			for file, n := range u.scaled {
				if n != 1 {
					t.Errorf("%s was scaled %d times, want once", file, n)
				}
			}
		})
	})
}

func TestThumbnailsUsesAllWorkers(t *testing.T) {
	alone(t, "section 5.1: as many tasks run at the same time as there are workers", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			u := &uploads{scaled: make(map[string]int)}
			Thumbnails(files(14), 4, u.scale)
			u.mu.Lock()
			defer u.mu.Unlock()
			if u.peak != 4 {
				t.Errorf("4 workers: up to %d in progress at the same time, want 4 files", u.peak)
			}
		})
	})
}
