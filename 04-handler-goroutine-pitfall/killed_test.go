package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
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
				t.Fatalf("%s, killed after delivery: %t: got %s, and %d emails were delivered, want 5 × 202 and %d", role, delivers, responses, delivered, want)
			}
		}
	}
}

// TestKillAfterPlaysTheGivenRole, here one that refuses all sign-ups.
func TestKillAfterPlaysTheGivenRole(t *testing.T) {
	var responses string
	within(t, "killAfter", func() { responses, _ = killAfter("connects and refuses", 5, false) })
	if responses != "5 × 503" {
		t.Errorf("the child refuses everything, but the responses are %s, want 5 × 503", responses)
	}
}

// TestChildReportsHowItEnded: it was killed, or ended by itself because its parent
// has (its standard input is at its end), or did not start to serve.
func TestChildReportsHowItEnded(t *testing.T) {
	start := func() *Child { return startChild(t, "leaky", "127.0.0.1:1") }
	var status int
	var stderr string
	killed := start()
	within(t, "Kill", func() { status, stderr = killed.Kill() })
	if status != killedStatus || stderr != "" {
		t.Errorf("killed: got status %d and %q, want %d", status, stderr, killedStatus)
	}
	if how := killed.cmd.ProcessState.String(); how != "signal: killed" && runtime.GOOS != "windows" {
		t.Errorf("killed: the child ended with %q, want SIGKILL, which no process can handle", how)
	}
	orphan := start()
	orphan.stdin.Close()
	within(t, "Wait for a child whose parent has ended", func() { status, stderr = orphan.Wait() })
	if status != 0 || stderr != "" {
		t.Errorf("its parent has ended: got status %d and %q, want 0", status, stderr)
	}
	ends := startChild(t, "ends with 7 when it is called", "")
	if resp, err := http.Get(ends.URL); err == nil {
		resp.Body.Close()
	}
	within(t, "Wait", func() { status, _ = ends.Wait() })
	if status != 7 {
		t.Errorf("the child ended by itself with status 7, but Wait returned %d: it must not end the child", status)
	}
	child, err := StartChild("command line", "-nosuchflag")
	if err == nil || !strings.Contains(err.Error(), `"command line"`) || !strings.Contains(err.Error(), "flag provided but not defined") {
		t.Errorf("a child that serves nothing: got %v, %v; want its role, and what it printed", child, err)
	}
}

func init() {
	roles["connects and refuses"] = func(mailAddr string) {
		serveUntilKilled(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if conn, err := DialTo(mailAddr)(r.Context()); err == nil {
				conn.Close()
			}
			http.Error(w, "no", http.StatusServiceUnavailable)
		}))
	}
	roles["ends with 7 when it is called"] = func(string) {
		serveUntilKilled(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			time.AfterFunc(100*time.Millisecond, func() { os.Exit(7) })
		}))
	}
}

// killedStatus is the exit status of a process that Kill has ended.
var killedStatus = map[bool]int{true: 1, false: -1}[runtime.GOOS == "windows"]
