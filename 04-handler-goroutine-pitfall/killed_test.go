package main

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

func newQuiet(dial func(context.Context) (net.Conn, error)) *Fixed {
	return NewFixed(Mailer{dial}, 1, 1, time.Minute, slog.New(slog.DiscardHandler))
}

// TestKilledProcessLosesWhatItAccepted kills a web process that has answered
// five clients with 202 (claim 4.7). Another process is killed only after its
// emails were delivered, which shows that the kill is the cause.
func TestKilledProcessLosesWhatItAccepted(t *testing.T) {
	for _, role := range []string{"leaky", "fixed"} {
		for _, delivers := range []bool{false, true} {
			var responses string
			var delivered int
			within(t, "killAfter", func() { responses, delivered = killAfter(role, 5, delivers) })
			want := map[bool]int{false: 0, true: 5}[delivers]
			if responses != "5 × 202" || delivered != want {
				t.Errorf("%s, killed after delivery: %t: got %s, and %d emails were delivered, want 5 × 202 and %d", role, delivers, responses, delivered, want)
			}
		}
	}
}

// TestChildReportsHowItEnded: it was killed, or ended by itself because its parent
// has (its standard input is at its end), or did not start to serve.
func TestChildReportsHowItEnded(t *testing.T) {
	start := func() *Child {
		child, err := StartChild("leaky", "127.0.0.1:1")
		if err != nil {
			t.Fatal(err)
		}
		return child
	}
	killed := start()
	if status, stderr := killed.Kill(); status != killedStatus || stderr != "" {
		t.Errorf("killed: got status %d and %q, want %d", status, stderr, killedStatus)
	}
	if how := killed.cmd.ProcessState.String(); how != "signal: killed" && runtime.GOOS != "windows" {
		t.Errorf("killed: the child ended with %q, want SIGKILL, which no process can handle", how)
	}
	orphan := start()
	orphan.stdin.Close()
	if status, stderr := orphan.Wait(); status != 0 || stderr != "" {
		t.Errorf("its parent has ended: got status %d and %q, want 0", status, stderr)
	}
	child, err := StartChild("command line", "-nosuchflag")
	if err == nil || !strings.Contains(err.Error(), `"command line"`) || !strings.Contains(err.Error(), "flag provided but not defined") {
		t.Errorf("a child that serves nothing: got %v, %v; want its role, and what it printed", child, err)
	}
}

// killedStatus is the exit status of a process that Kill has ended.
var killedStatus = map[bool]int{true: 1, false: -1}[runtime.GOOS == "windows"]
