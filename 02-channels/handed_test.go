package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary play the roles that end a process: see roles.go.
func TestMain(m *testing.M) {
	if playRole() {
		return
	}
	os.Exit(m.Run())
}

// TestHandedOverDataNeedsNoLock counts in many goroutines (claim 2.4). Run it
// with the race detector, which would object.
func TestHandedOverDataNeedsNoLock(t *testing.T) {
	got := CountHanded([]int{1, 2, 3}, []int{10, 20}, nil, []int{100})
	if want := (Total{Requests: 6, Bytes: 136}); got != want {
		t.Errorf("counted %+v, and wanted %+v: something was handed over twice or not at all", got, want)
	}
}

// TestUnlockedSharedTotalIsADataRace runs the wrong way in a child process and
// requires the race detector's report (counter-proof of 2.4).
func TestUnlockedSharedTotalIsADataRace(t *testing.T) {
	if !raceDetector() {
		t.Skip("needs the race detector: go test -race ./02-channels (on Linux and Windows with a C compiler, e.g. apt-get install gcc)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, status, err := runRole(self, "shared", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("exit status %d\n%s", status, out)
	if status != 66 || !strings.Contains(out, "WARNING: DATA RACE") {
		t.Error("two goroutines added to one total without a lock, and the race detector has nothing to say")
	}
	if !strings.Contains(out, ".(*Total).Add(") {
		t.Error("the report does not name the function that both were in")
	}
}
