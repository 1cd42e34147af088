package main

import (
	"bytes"
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const blanks = `{"name":"   ","email":"blank@example.com"}` // welcome panics on it

// TestLeakyHidesFailures lets the mail server refuse the email and looks for a
// trace of the error (negative control of 4.2).
func TestLeakyHidesFailures(t *testing.T) {
	printed, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	log.SetOutput(printed) // of log/slog, too
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = printed, printed
	defer func() { os.Stdout, os.Stderr = stdout, stderr; log.SetOutput(stderr) }()
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Refuses = "RCPT"
		accepted(t, &Leaky{Mailer{server.DialPipe}}, 1)
		synctest.Wait()
		if n := len(server.Delivered()); n != 0 {
			t.Errorf("%d emails were delivered by a server that refuses them", n)
		}
	})
	if trace, err := os.ReadFile(printed.Name()); len(trace) > 0 || err != nil {
		t.Errorf("the leaky handler must leave no trace of the refused email; it printed %q, %v", trace, err)
	}
}

// TestFailureIsLoggedBeforeItIsCounted: a reader that waits for the count finds the failure in the log.
func TestFailureIsLoggedBeforeItIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Refuses = "RCPT"
		var fixed *Fixed
		logged := 0
		fixed = NewFixed(Mailer{server.DialPipe}, 1, 1, time.Second, slog.New(handlerFunc(func(context.Context) {
			if logged++; fixed.Failed.Load() >= int64(logged) {
				t.Errorf("failure %d is counted, and not yet logged", logged)
			}
		})))
		for range 2 {
			accepted(t, fixed, 1)
			synctest.Wait()
		}
		fixed.Shutdown(t.Context())
		if n := fixed.Failed.Load(); logged != 2 || n != 2 {
			t.Errorf("two emails were refused; %d were logged, and %d counted", logged, n)
		}
	})
}

// TestFixedLogsAndCountsFailures lets the mail server refuse the email (claim 4.2).
func TestFixedLogsAndCountsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Refuses = "RCPT"
		var logged bytes.Buffer
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 1, time.Second, slog.New(slog.NewTextHandler(&logged, nil)))
		accepted(t, fixed, 1)
		synctest.Wait()       // until the email has failed
		accepted(t, fixed, 1) // its slot is free
		fixed.Shutdown(t.Context())
		if strings.Count(logged.String(), `to=ada@example.com error="550 \"no such mailbox\""`) != 2 || fixed.Failed.Load() != 2 {
			t.Errorf("two emails were refused; %d failures were counted, and the log has %q", fixed.Failed.Load(), &logged)
		}
		if n := server.connected(); n != 2 {
			t.Errorf("two emails were refused; the handler tried %d times, want once each", n)
		}
	})
}

// TestSendWelcomePanics with the sign-up of the next test, which needs a child process
// for it: here nothing recovers, either.
func TestSendWelcomePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("sendWelcome returned; want the panic of welcome, which nothing recovers")
		}
	}()
	(&Leaky{Mailer{NewMailServer().DialPipe}}).sendWelcome(Signup{Name: "   ", Email: "blank@example.com"})
}

// TestLeakyPanicEndsTheServer lets welcome panic in the bare goroutine
// (negative control of 4.2). In the handler's own goroutine it would cost one response.
func TestLeakyPanicEndsTheServer(t *testing.T) {
	t.Setenv("GOTRACEBACK", "none")    // the child must print its stack all the same
	t.Setenv("GODEBUG", "inittrace=1") // and nothing before it
	server := NewMailServer()
	addr, err := server.Listen()
	if err != nil {
		t.Fatal(err)
	}
	child := startChild(t, "leaky", addr)
	ended := make(chan struct{})
	go func() { // without a panic the child connects to the mail server, and serves on
		server.WaitFor(1, 0)
		child.cmd.Process.Kill()
		close(ended)
	}()
	// The response may or may not arrive before the process ends.
	if resp, err := http.Post(child.URL, "application/json", strings.NewReader(blanks)); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted { // then there is no goroutine to panic
			child.cmd.Process.Kill()
		}
	}
	var status int
	var stderr string
	within(t, "Wait", func() { status, stderr = child.Wait() })
	if conn, err := DialTo(addr)(t.Context()); err == nil { // so that WaitFor returns
		conn.Close()
	}
	within(t, "WaitFor", func() { <-ended })
	within(t, "Close", server.Close)
	t.Logf("exit status %d\n%s", status, stderr)
	if status != 2 || !strings.HasPrefix(stderr, "panic: runtime error: index out of range") || !strings.Contains(stderr, "(*Leaky).sendWelcome") {
		t.Errorf("the panic in the goroutine must end the whole server with status 2, got status %d", status)
	}
}

// TestPanicInChildSeparatesTheLogFromThePanic has what 4.2 prints, and a child that
// logs two lines.
func TestPanicInChildSeparatesTheLogFromThePanic(t *testing.T) {
	for _, c := range []struct {
		role   string
		logged int
		panics string
	}{
		{"logs two lines", 2, "after " + blanks}, // panics on every sign-up
		{"leaky", 0, "runtime error: index out of range [0] with length 0"},
	} {
		var status, logged int
		var panicked string
		within(t, "panicInChild", func() { status, logged, panicked = panicInChild(c.role, "127.0.0.1:1", blanks) })
		if status != 2 || logged != c.logged || panicked != c.panics {
			t.Fatalf("%s: got status %d, %d lines logged before the panic, and %q; want 2, %d, %q", c.role, status, logged, panicked, c.logged, c.panics)
		}
	}
}

func init() {
	roles["logs two lines"] = func(string) {
		serveUntilKilled(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			log.Print("one")
			log.Print("two")
			go panic("after " + string(body))
		}))
	}
}

// TestFixedTurnsAPanicIntoAnError lets welcome panic and then sends another email (claim 4.2).
func TestFixedTurnsAPanicIntoAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		var logged bytes.Buffer
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 2, time.Second, slog.New(slog.NewTextHandler(&logged, nil)))
		post(fixed, blanks)
		post(fixed, ada)
		fixed.Shutdown(t.Context())
		if fixed.Failed.Load() != 1 || !strings.Contains(logged.String(), "panic: runtime error: index out of range") || !strings.Contains(logged.String(), ".welcome(") {
			t.Errorf("one email panicked; %d failures were counted, and the log has %q", fixed.Failed.Load(), &logged)
		}
		if fixed.Sent.Load() != 1 {
			t.Error("the email after the one that panicked was not sent")
		}
	})
}
