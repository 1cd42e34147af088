package main

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// sentAt sends six letters through c to a receiver that takes one each second,
// in fake time, and returns the instants at which the sender could go on.
func sentAt(t *testing.T, capacity int) (instants []time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		sends, _ := SendAll(make(chan *Letter, capacity), time.Second, "1", "2", "3", "4", "5", "6")
		for _, s := range sends {
			instants = append(instants, s.Done)
		}
	})
	return instants
}

// TestUnbufferedSendWaitsForItsReceiver asserts when each send was done (claim 2.1).
func TestUnbufferedSendWaitsForItsReceiver(t *testing.T) {
	want := []time.Duration{1e9, 2e9, 3e9, 4e9, 5e9, 6e9}
	if got := sentAt(t, 0); !slices.Equal(got, want) {
		t.Errorf("the receiver came at %v, and the sends were done at %v: they did not wait for it", want, got)
	}
}

// TestWhatIsWrittenBeforeASendIsSeenAfterIt reads the letters (claim 2.1). The
// race detector would object if the hand-over did not put writing and reading in order.
func TestWhatIsWrittenBeforeASendIsSeenAfterIt(t *testing.T) {
	want := []string{"one", "two", "three"}
	if _, got := SendAll(make(chan *Letter), 0, want...); !slices.Equal(got, want) {
		t.Errorf("wrote %q before the sends, and the receiver read %q", want, got)
	}
}

// TestBufferedSendWaitsOnlyWhenTheBufferIsFull asserts when each send was done (claim 2.2).
func TestBufferedSendWaitsOnlyWhenTheBufferIsFull(t *testing.T) {
	want := []time.Duration{0, 0, 0, 1e9, 2e9, 3e9} // the fourth takes the place that the first receive makes
	if got := sentAt(t, 3); !slices.Equal(got, want) {
		t.Errorf("with room for three the sends should be done at %v, and were at %v", want, got)
	}
}
