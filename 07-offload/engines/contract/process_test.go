package contract

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// shell starts a script as a role of a program. It must print that it is ready.
func shell(t *testing.T, script string) (*Process, error) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	p, err := Start("sh", "-c", script)
	if err == nil {
		t.Cleanup(p.Kill)
	}
	return p, err
}

// TestStopKillsAProcessThatDoesNotEnd in time, and says so with the status -1.
func TestStopKillsAProcessThatDoesNotEnd(t *testing.T) {
	p, err := shell(t, `trap "" TERM; echo "web: ready at http://here" >&2; while :; do sleep 0.01; done`)
	if err != nil {
		t.Fatal(err)
	}
	if p.URL != "http://here" {
		t.Errorf("the web process listens at %q, want http://here", p.URL)
	}
	const timeout = 50 * time.Millisecond
	if status, took := p.Stop(timeout); status != -1 || took < timeout {
		t.Errorf("the process ignores SIGTERM: got the status %d after %v, want -1 after %v", status, took, timeout)
	}
	select {
	case <-p.ended:
	default:
		t.Error("Stop has returned, but the process has not ended")
	}
}

// TestStopReturnsTheStatusOfAProcessThatEnds after SIGTERM.
func TestStopReturnsTheStatusOfAProcessThatEnds(t *testing.T) {
	p, err := shell(t, `trap "exit 7" TERM; echo "worker: ready" >&2; while :; do sleep 0.01; done`)
	if err != nil {
		t.Fatal(err)
	}
	if status, took := p.Stop(time.Hour); status != 7 {
		t.Errorf("got the status %d after %v, want 7", status, took)
	}
}

// TestProcessThatEndsTooEarlyIsAnErrorWithItsLog: before it is ready, or before it prints what
// is waited for.
func TestProcessThatEndsTooEarlyIsAnErrorWithItsLog(t *testing.T) {
	_, err := shell(t, `echo "no server there" >&2`)
	if err == nil || !strings.Contains(err.Error(), "ended") || !strings.Contains(err.Error(), "no server there") {
		t.Errorf("the process ended before it was ready: got %v, want its log", err)
	}
	p, err := shell(t, `for line in "worker: ready" "one a" "two a" "one b"; do echo "$line" >&2; done`)
	if err != nil {
		t.Fatal(err)
	}
	one := regexp.MustCompile("one (.)")
	if m, err := p.Says(one, time.Hour); err != nil || !slices.Equal(m, []string{"one a", "a"}) {
		t.Errorf("got %q, %v; want the first line that matches", m, err)
	}
	if err := p.SaysTimes(one, 2, time.Hour); err != nil {
		t.Error(err)
	}
	if _, err := p.Says(regexp.MustCompile("three"), time.Hour); err == nil || !strings.Contains(err.Error(), "two a") {
		t.Errorf("the process ended without this line: got %v, want its log", err)
	}
	if err := p.SaysTimes(one, 3, time.Hour); err == nil || !strings.Contains(err.Error(), "2 of 3 lines") {
		t.Errorf("the process ended after 2 of 3 lines: got %v", err)
	}
}

// TestMailboxReturnsTheEmailsThatNeverArrived, at its timeout, in fake time.
func TestMailboxReturnsTheEmailsThatNeverArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := Mailbox(t.TempDir())
		deliver := func(id string) {
			if err := os.MkdirAll(filepath.Join(string(m), "new"), 0o700); err != nil {
				t.Error(err)
			}
			if err := os.WriteFile(filepath.Join(string(m), "new", id), nil, 0o600); err != nil {
				t.Error(err)
			}
		}
		time.AfterFunc(time.Second, func() { deliver("a") })
		time.AfterFunc(2*time.Second, func() { deliver("c") })
		began := time.Now()
		if missing := m.Wait([]string{"a", "b", "c", "d"}, time.Minute); !slices.Equal(missing, []string{"b", "d"}) || time.Since(began) < time.Minute {
			t.Errorf("two of four emails arrived: got the missing ones %q after %v, want b and d after 1m0s", missing, time.Since(began))
		}
		if missing := m.Wait([]string{"a", "c"}, time.Minute); len(missing) != 0 || m.Count() != 2 {
			t.Errorf("got the missing emails %q, and %d in total, want none of 2", missing, m.Count())
		}
	})
}

// TestFreePortIsNeverTheSameTwice: a server comes back at its port after a kill.
func TestFreePortIsNeverTheSameTwice(t *testing.T) {
	seen := make(map[int]bool)
	for range 10 {
		port, err := freePort()
		if err != nil {
			t.Fatal(err)
		}
		if seen[port] {
			t.Errorf("port %d was returned twice", port)
		}
		seen[port] = true
		if err := listens(fmt.Sprint("127.0.0.1:", port))(); err == nil {
			t.Errorf("a process listens at port %d", port)
		}
	}
}

// TestWireStopsTheTrafficAtOneMessage: n pass, and neither the next one nor any after it, until
// the wire is released.
func TestWireStopsTheTrafficAtOneMessage(t *testing.T) {
	var w Wire
	if !w.pass("before") {
		t.Error("the wire is not armed, but a message does not pass")
	}
	for n := range 3 {
		cut := w.arm(n)
		for i := range 5 {
			if passes := w.pass(fmt.Sprint("message ", i)); passes != (i < n) {
				t.Errorf("armed for %d messages: message %d passes: %t", n, i, passes)
			}
			select {
			case <-cut:
				if i < n {
					t.Errorf("armed for %d messages: the wire was cut at message %d", n, i)
				}
			default:
				if i >= n {
					t.Errorf("armed for %d messages: the wire was not cut at message %d", n, i)
				}
			}
		}
		if at, want := w.release(), fmt.Sprint("message ", n); at != want {
			t.Errorf("armed for %d messages: the first that did not pass is %q, want %q", n, at, want)
		}
		if !w.pass("after") {
			t.Error("the wire was released, but a message does not pass")
		}
	}
}

// TestDrainOfZeroReturnsTheTask to the queue (claim 7.11). A timeout of 0 means 8 s to Asynq, in
// which the task would end.
func TestDrainOfZeroReturnsTheTask(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("on Windows a process cannot send SIGTERM to another one")
	}
	program := build(t, Asynq)
	r := on(t, Asynq, program, private(t, Asynq, program, false))
	w := r.worker(1, "-drain", "0s")
	id := r.signup("ada@7s.slow.test")
	_, err := w.Begun(id, 1, time.Minute)
	r.must(err)
	status, took := w.Stop(time.Minute)
	if _, ok := r.mail.Has(id); ok || status != 0 {
		t.Errorf("with -drain 0s the worker ended with status %d %v after SIGTERM, and had finished a task of 7 s: %t; want 0, and the task unfinished", status, took, ok)
	}
}
