package exercise

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackgroundTaskThatPanicsIsCounted(t *testing.T) {
	alone(t, "section 1.7: recover works only in a deferred function of the goroutine that panics", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var b Background
			var sent atomic.Int32
			for range 5 {
				b.Run(func() {
					time.Sleep(time.Second)
					panic("template: welcome.html is not found")
				})
				b.Run(func() {
					time.Sleep(2 * time.Second)
					sent.Add(1)
				})
			}
			failed := b.Wait()
			if n := sent.Load(); n != 5 {
				t.Errorf("5 of 10 tasks panic: Wait returned when %d of the other 5 had ended", n)
			}
			if failed != 5 {
				t.Errorf("5 of 10 tasks panic: Wait returned %d, want 5", failed)
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
			b.Run(func() { time.Sleep(time.Second) })
			b.Run(func() { time.Sleep(time.Second) })
			if d := time.Since(began); d != 0 {
				t.Errorf("two tasks need a second each, and Run blocked for %v: the request must not wait for them", d)
			}
			if b.Wait(); time.Since(began) != time.Second {
				t.Errorf("two tasks need a second each: Wait returned after %v, want 1s", time.Since(began))
			}
			time.Sleep(time.Hour)
		})
	})
}
