package main

import (
	"testing"
	"time"
)

// TestBackoffDoublesAndIsHalfRandom: from half a second to a minute, however often a task has
// been retried.
func TestBackoffDoublesAndIsHalfRandom(t *testing.T) {
	for retried, want := range map[int]time.Duration{
		0: 500 * time.Millisecond, 1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 8: time.Minute, 24: time.Minute, 1000: time.Minute,
	} {
		low, high := time.Hour, time.Duration(0)
		for range 1000 {
			d := backoff(retried, nil, nil)
			low, high = min(low, d), max(high, d)
		}
		if low < want/2 || high >= want || high-low < want/4 {
			t.Errorf("after %d retries a task waits from %v to %v, want from %v to less than %v", retried, low, high, want/2, want)
		}
	}
}
