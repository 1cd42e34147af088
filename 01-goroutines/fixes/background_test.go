package exercise_test

import (
	"io"
	"log"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "concurrency/01-goroutines/fixes"
)

// lines collects what the tasks log.
type lines struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

func TestBackgroundTaskThatPanicsIsCounted(t *testing.T) {
	alone(t, "section 1.7: recover works only in a deferred function of the goroutine that panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var b Background
			var ran, sent atomic.Int32
			var text lines
			log.SetOutput(&text)
			defer log.SetOutput(io.Discard)
			for i := range 5 {
				b.Run(func() {
					ran.Add(1)
					time.Sleep(time.Second)
					if i == 4 {
						time.Sleep(time.Second / 2)
						var page struct{ visits map[string]int } // nil
						page.visits["ada"]++                     // a runtime.Error
					}
					panic("template: welcome.html is not found")
				})
				b.Run(func() {
					ran.Add(1)
					time.Sleep(2 * time.Second)
					sent.Add(1)
				})
			}
			failed := b.Wait()
			switch logged := text.count("welcome.html"); {
			case sent.Load() != 5:
				t.Errorf("5 of 10 tasks panic: Wait returned when %d of the other 5 had ended", sent.Load())
			case ran.Load() != 10:
				t.Errorf("Run was called with 10 tasks, but tasks ran %d times\n→ the goroutine that Run starts: how often does it call task?", ran.Load())
			case failed != 5:
				t.Errorf("5 of 10 tasks panic: Wait returned %d, want 5", failed)
			case logged < 4:
				t.Errorf("4 tasks panic with the same value, but the log contains it %d times\n→ the deferred function: log the value that recover returned", logged)
			}
			time.Sleep(time.Hour)
		})
	})
}

func TestBackgroundWaitReturnsAfterThePanicIsCounted(t *testing.T) {
	alone(t, "section 1.5: Wait may return as soon as Done is called, so Done is the last thing that a goroutine does", func(t *testing.T) {
		for range 20 {
			var b Background
			b.Run(func() { panic("template: welcome.html is not found") })
			if failed := b.Wait(); failed != 1 {
				t.Fatalf("the only task panics: Wait returned %d, want 1", failed)
			}
		}
	})
}

func TestBackgroundRunDoesNotBlock(t *testing.T) {
	alone(t, "section 1.5: start the goroutine, go on, and wait at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var b Background
			began := time.Now()
			const n = 1500 // more than a limit allows
			for i := range n {
				b.Run(func() { time.Sleep(time.Hour) })
				if d := time.Since(began); d != 0 {
					t.Fatalf("each task needs an hour, and call %d of Run blocked for %v: the request must not wait for them", i+1, d)
				}
			}
			if b.Wait(); time.Since(began) != time.Hour {
				t.Errorf("%d tasks need an hour each: Wait returned after %v, want 1h0m0s", n, time.Since(began))
			}
			time.Sleep(time.Hour)
		})
	})
}
