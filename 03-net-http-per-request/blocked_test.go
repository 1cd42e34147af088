package main

import (
	"maps"
	"testing"
	"testing/synctest"
)

// TestBlockedCountsGoroutinesByState has goroutines block in a function, one more
// that only started there, and one that runs. Their stacks are too long for the
// first buffer.
func TestBlockedCountsGoroutinesByState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan int)
		for range 200 {
			go receiveHere(never, 100)
		}
		startHere(never)
		synctest.Wait()
		if got, want := Blocked(".receiveHere"), (map[string]int{"chan receive": 200}); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
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

// receiveHere is as deep on the stack as depth, so that the text is long.
func receiveHere(c <-chan int, depth int) {
	if depth > 0 {
		receiveHere(c, depth-1)
		return
	}
	<-c
}

func lookHere() map[string]int { return Blocked(".lookHere") }

func startHere(c <-chan int) { go func() { <-c }() }
