package main

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// onOneProcessor lets Go code run on one processor only until the test ends.
func onOneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// TestBusyGoroutineDoesNotStopTheOthers lets three goroutines that never
// pause share one processor (claim 1.4).
func TestBusyGoroutineDoesNotStopTheOthers(t *testing.T) {
	onOneProcessor(t)
	turns, _ := TakeTurns(3, 0)
	ran := make(map[int]bool)
	for _, turn := range turns {
		ran[turn.Who] = true
		if turn.Who != turns[0].Who && turn.Start > 4*time.Second {
			t.Errorf("goroutine %d had to wait until a busy one had given up", turn.Who)
		}
	}
	if len(ran) != 3 {
		t.Errorf("only %d of 3 goroutines ever had the processor: a busy one kept it", len(ran))
	}
}

// TestOnOneProcessorGoroutinesTakeTurns counts how often the processor changes
// hands between four goroutines that all compute: they are concurrent, yet no
// two run in parallel (claim 1.6).
func TestOnOneProcessorGoroutinesTakeTurns(t *testing.T) {
	onOneProcessor(t)
	turns, steps := TakeTurns(4, 50*time.Millisecond)
	t.Logf("%d steps in %d turns; in parallel there would be nearly as many turns as steps", steps, len(turns))
	if steps/int64(len(turns)) < 100 {
		t.Errorf("%d steps in %d turns: the goroutines' steps are mixed, so they ran in parallel", steps, len(turns))
	}
}

// TestWaitingTogetherTakesAsLongAsTheLongestWait measures a thousand waits in
// fake time, exactly (claim 1.6).
func TestWaitingTogetherTakesAsLongAsTheLongestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := Wait(1000, time.Second); took != time.Second {
			t.Errorf("1000 goroutines waiting 1 s each took %v: they did not wait at the same time", took)
		}
	})
}
