package main

import (
	"runtime/metrics"
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
	before := goroutinesCreated()
	CountOwned(make([][]int, 10)...)
	if n := goroutinesCreated() - before; n < 10 {
		t.Errorf("for 10 logs %d goroutines were started", n)
	}
	for range 100 { // the last of equal logs counts, too
		if got, want := CountOwned([]int{7}, []int{7}, []int{7}), (Total{3, 21}); got != want {
			t.Fatalf("got the total %+v, want %+v", got, want)
		}
	}
}

// goroutinesCreated returns how many goroutines have been started so far.
func goroutinesCreated() uint64 {
	sample := []metrics.Sample{{Name: "/sched/goroutines-created:goroutines"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestSharedTotalIsADataRace runs the wrong version in a child process and
// requires a report of the race detector (negative control of 2.4).
func TestSharedTotalIsADataRace(t *testing.T) {
	if got, want := CountShared([]int{1, 2}, nil), (Total{2, 3}); got != want { // here one goroutine adds
		t.Errorf("got the total %+v, want %+v", got, want)
	}
	needsRaceDetector(t)
	out, status, err := runRole("shared total", "")
	t.Logf("exit status %d\n%s", status, out)
	if status != 66 || err != nil || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, ".(*Total).Add(") {
		t.Errorf("two goroutines added to one total without a lock; got exit status %d, %v, want a report that names Total.Add", status, err)
	}
}
