package main

import (
	"maps"
	"testing"
	"testing/synctest"
)

// TestBlockedCountsGoroutinesByState has two goroutines block in a function, and a
// third one that only started there.
func TestBlockedCountsGoroutinesByState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan int)
		receive := func() { receiveHere(never, 20) }
		go receive()
		go receive()
		startHere(never)
		synctest.Wait()
		if got, want := Blocked(".receiveHere"), (map[string]int{"chan receive": 2}); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
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

func startHere(c <-chan int) { go func() { <-c }() }
