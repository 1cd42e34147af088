package main

import (
	"strings"
	"testing"
)

// TestOwnedDataNeedsNoLock counts in many goroutines (claim 2.4). The race
// detector would report an access by a goroutine that is not the owner.
func TestOwnedDataNeedsNoLock(t *testing.T) {
	got := CountOwned([]int{1, 2, 3}, []int{10, 20}, nil, []int{100})
	if want := (Total{Requests: 6, Bytes: 136}); got != want {
		t.Errorf("got the total %+v, want %+v", got, want)
	}
	for range 100 { // the last of equal logs counts, too
		if got, want := CountOwned([]int{7}, []int{7}, []int{7}), (Total{3, 21}); got != want {
			t.Fatalf("got the total %+v, want %+v", got, want)
		}
	}
}

// TestSharedTotalIsADataRace runs the wrong version in a child process and
// requires a report of the race detector (negative control of 2.4).
func TestSharedTotalIsADataRace(t *testing.T) {
	needsRaceDetector(t)
	out, status, err := runRole("shared total", "")
	t.Logf("exit status %d\n%s", status, out)
	if status != 66 || err != nil || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, ".(*Total).Add(") {
		t.Errorf("two goroutines added to one total without a lock; got exit status %d, %v, want a report that names Total.Add", status, err)
	}
}
