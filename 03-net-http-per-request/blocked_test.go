package main

import (
	"maps"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestBlockedCountsGoroutinesByState has goroutines block in a function, one more
// that only started there, and one that runs. Their stacks are too long for the
// first buffer. A caller of that function is blocked, too.
func TestBlockedCountsGoroutinesByState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan int)
		for range 200 {
			go callHere(never)
		}
		startHere(never)
		synctest.Wait()
		if got, want := Blocked(".receiveHere"), (map[string]int{"chan receive": 200}); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		} else if got := Blocked(".callHere"); !maps.Equal(got, want) {
			t.Errorf("got %v for the caller of a function that is blocked, want %v", got, want)
		}
		if got := lookHere(); len(got) != 0 {
			t.Errorf("got %v for the goroutine that is running, want none", got)
		}
		if got := Blocked(".startHere"); len(got) != 0 {
			t.Errorf("got %v in a function that has returned, want none", got)
		}
		close(never)
	})
}

// TestBlockedLeavesOutGoroutinesThatAreReady: on one CPU they do not run while Blocked does.
func TestBlockedLeavesOutGoroutinesThatAreReady(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var stop atomic.Bool
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { yieldHere(&stop) })
	}
	for range 20 {
		runtime.Gosched() // until they have begun
	}
	if got := Blocked(".yieldHere"); got["runnable"] > 0 {
		t.Errorf("got %v for goroutines that are ready to run, want none", got)
	}
	stop.Store(true)
	all.Wait()
}

func yieldHere(stop *atomic.Bool) {
	for !stop.Load() {
		runtime.Gosched()
	}
}

// receiveHere is as deep on the stack as depth, so that the text is long.
func receiveHere(c <-chan int, depth int) {
	if depth > 0 {
		receiveHere(c, depth-1)
		return
	}
	<-c
}

func callHere(c <-chan int) { receiveHere(c, 100) }

func lookHere() map[string]int { return Blocked(".lookHere") }

func startHere(c <-chan int) { go func() { <-c }() }
