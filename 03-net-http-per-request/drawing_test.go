package main

import (
	"testing"
	"time"
)

func TestLaneShowsEvenTheShortestSpan(t *testing.T) {
	const ms = time.Millisecond
	for _, x := range []struct {
		from, to, end time.Duration
		want          string
	}{
		{0, 50 * ms, 100 * ms, "█████·····"},
		{50 * ms, 50 * ms, 100 * ms, "·····█····"},
		{100 * ms, 100 * ms, 100 * ms, "·········█"},
		{-5 * ms, 200 * ms, 100 * ms, "██████████"},
		{0, 0, 0, "█·········"}, // less than a tick of a coarse clock
	} {
		l := newLane(10, x.end)
		l.fill(x.from, x.to, '█')
		if got := l.String(); got != x.want {
			t.Errorf("%v to %v of %v is drawn as %s, want %s", x.from, x.to, x.end, got, x.want)
		}
	}
}

// TestAnswersAreCompared checks what decides the answer of 3.1's question.
func TestAnswersAreCompared(t *testing.T) {
	spans := []Span{{Answered: 600}, {Answered: 80}, {Answered: 650}, {Answered: 600}}
	if n := whileFirst(spans); n != 1 {
		t.Errorf("got %d requests answered before the first, want 1", n)
	}
	if last := lastAnswer(spans); last != 650 {
		t.Errorf("the last answer came at %d, want 650", last)
	}
}

func TestLettersNameGoroutinesInOrder(t *testing.T) {
	origins := []Origin{{Goroutine: "7", Conn: "x"}, {Goroutine: "3", Conn: "y"}, {Goroutine: "7", Conn: "x"}, {Goroutine: "9", Conn: "y"}}
	if got, want := letters(origins), "A B A C"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := connections(origins); n != 2 {
		t.Errorf("got %d connections, want 2", n)
	}
}
