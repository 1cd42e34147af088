package main

import (
	"testing"
	"time"
)

// TestLaneIsDrawnToScale draws two tasks in ten columns, and then on a clock on
// which all of it took no time.
func TestLaneIsDrawnToScale(t *testing.T) {
	began := time.Now()
	at := func(second int) time.Time { return began.Add(time.Duration(second) * time.Second) }
	lane := []Span{{at(0), at(4)}, {at(5), at(8)}}
	if got, want := drawLane(lane, began, 10*time.Second, 10), "█████▒▒▒▒·"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	lane = []Span{{began, began}, {began, began}}
	if got, want := drawLane(lane, began, 0, 10), "▒·········"; got != want {
		t.Errorf("all within one tick of the clock: got %s, want %s", got, want)
	}
}
