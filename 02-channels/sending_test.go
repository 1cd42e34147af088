package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// send sends six letters on a channel to a receiver that is busy for a second
// before each receive, in fake time.
func send(t *testing.T, capacity int) (began, done []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		sends, _ := SendAll(make(chan *Letter, capacity), time.Second, "1", "2", "3", "4", "5", "6")
		for _, s := range sends {
			began, done = append(began, s.Began), append(done, s.Done)
		}
	})
	return began, done
}

// TestUnbufferedSendBlocksUntilReceived asserts when each send was done (claim 2.1).
func TestUnbufferedSendBlocksUntilReceived(t *testing.T) {
	began, done := send(t, 0)
	if want := []time.Duration{1e9, 2e9, 3e9, 4e9, 5e9, 6e9}; !slices.Equal(done, want) {
		t.Errorf("the receiver received at %v, but the sends were done at %v", want, done)
	}
	if want := []time.Duration{0, 1e9, 2e9, 3e9, 4e9, 5e9}; !slices.Equal(began, want) {
		t.Errorf("the sends began at %v, want %v: each when the one before was done", began, want)
	}
}

// TestWriteBeforeSendIsVisibleAfterReceive reads what was written before each
// send (claim 2.1). Under the race detector it also shows that the write
// happens before the read.
func TestWriteBeforeSendIsVisibleAfterReceive(t *testing.T) {
	want := []string{"one", "two", "three"}
	if _, got := SendAll(make(chan *Letter), 0, want...); !slices.Equal(got, want) {
		t.Errorf("the sender wrote %q before the sends; the receiver read %q", want, got)
	}
	c := make(chan *Letter, 4)
	c <- &Letter{"zero"} // another sender's
	if _, got := SendAll(c, 0, want...); !slices.Equal(got, []string{"zero", "one", "two"}) {
		t.Errorf("a letter was in the buffer, and the receiver read %q, want that one first", got)
	}
}

// TestBufferedSendBlocksOnlyWhileTheBufferIsFull asserts when each send was done (claim 2.2).
func TestBufferedSendBlocksOnlyWhileTheBufferIsFull(t *testing.T) {
	_, done := send(t, 3)
	if want := []time.Duration{0, 0, 0, 1e9, 2e9, 3e9}; !slices.Equal(done, want) { // the first receive frees a slot for the fourth
		t.Errorf("with a buffer of 3 the sends were done at %v, want %v", done, want)
	}
}
