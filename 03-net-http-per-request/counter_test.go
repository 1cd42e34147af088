package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
)

// visitors lets requests visit h, all of which are in it at the same time.
func visitors(t *testing.T, h http.Handler, requests int) {
	t.Helper()
	if err := Visit(t.Context(), newClients(), serve(t, Together(requests, h)), requests); err != nil {
		t.Fatal(err)
	}
}

// TestAtomicCounterIsSafeInHandlers counts each request once, and the race detector is silent (claim 3.4).
func TestAtomicCounterIsSafeInHandlers(t *testing.T) {
	c := new(AtomicCounter)
	visitors(t, c, 50)
	if n := c.n.Load(); n != 50 {
		t.Errorf("50 requests at once should be counted as 50, not %d: an update was lost", n)
	}
}

// TestMutexCounterIsSafeInHandlers counts each request once, and the race detector is silent (claim 3.4).
func TestMutexCounterIsSafeInHandlers(t *testing.T) {
	c := new(MutexCounter)
	visitors(t, c, 50)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n != 50 {
		t.Errorf("50 requests at once should be counted as 50, not %d: an update was lost", c.n)
	}
}

// TestSlowMotionCounterLosesUpdates shows what can happen between the steps of n++
// (negative control of 3.4): all requests load 0, so all of them store 1.
func TestSlowMotionCounterLosesUpdates(t *testing.T) {
	c := NewSlowMotionCounter(50)
	visitors(t, c, 50)
	if n := c.n.Load(); n != 1 {
		t.Errorf("50 requests that all load before the first one stores should count 1, not %d", n)
	}
}

// TestPlainCounterIsADataRace requires the race detector's report, which names the handler
// (negative control of 3.4). The race is certain: two requests meet, and then nothing orders them.
func TestPlainCounterIsADataRace(t *testing.T) {
	if !raceDetector() {
		t.Skip("needs the race detector: go test -race ./03-net-http-per-request (on Linux and Windows with a C compiler, e.g. apt-get install gcc)")
	}
	report, status := runChild(t, "plain counter")
	t.Log("a plain counter in a handler, and two requests at the same time:\n" + report)
	if status != 66 {
		t.Errorf("the race detector should end the process with status 66, not %d: no race was found", status)
	}
	for _, want := range []string{"WARNING: DATA RACE", ".(*PlainCounter).ServeHTTP()"} {
		if !strings.Contains(report, want) {
			t.Errorf("the race detector's report should contain %q", want)
		}
	}
}

// countTwice runs in a child process: two requests are in h at the same time. Their connections are
// kept, so that in the report both goroutines are still there.
func countTwice(h http.Handler) {
	srv := NewServer(Together(2, h))
	addr, err := Start(srv)
	if err == nil {
		err = Visit(context.Background(), http.DefaultClient, "http://"+addr, 2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
