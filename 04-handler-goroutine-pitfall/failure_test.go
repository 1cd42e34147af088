package main

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const blanks = `{"name":"   ","email":"blank@example.com"}` // on which welcome panics

// TestLeakyFailsUnseen has the mail refused, and looks for any trace of that
// (negative control of 4.2).
func TestLeakyFailsUnseen(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged) // log/slog's default ends here too
	defer log.SetOutput(os.Stderr)
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Refuses = true
		accepted(t, &Leaky{Mailer{server.DialPipe}}, 1) // the client is told that all is well
		synctest.Wait()
		if n := len(server.Delivered()); n != 0 {
			t.Errorf("%d mails were delivered by a server that refuses", n)
		}
	})
	if logged.Len() > 0 {
		t.Errorf("want no trace of the mail that was refused, and found %q", &logged)
	}
}

// TestFixedLogsAndCountsFailures has the mail refused and expects to hear of it (claim 4.2).
func TestFixedLogsAndCountsFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Refuses = true
		var logged bytes.Buffer
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 1, time.Second, slog.New(slog.NewTextHandler(&logged, nil)))
		accepted(t, fixed, 1)
		fixed.Shutdown(t.Context())
		if !strings.Contains(logged.String(), "no such mailbox") || fixed.Failed.Load() != 1 {
			t.Errorf("a mail was refused; %d failures counted, and the log has %q", fixed.Failed.Load(), &logged)
		}
	})
}

// TestLeakyPanicEndsTheServer has welcome panic in the bare goroutine
// (negative control of 4.2). In the handler's own goroutine it would cost one response.
func TestLeakyPanicEndsTheServer(t *testing.T) {
	child, err := StartChild("leaky", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	// Whether the answer is on its way before the end is luck.
	if resp, err := http.Post(child.URL, "application/json", strings.NewReader(blanks)); err == nil {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	status, stderr := child.Wait()
	t.Logf("exit status %d\n%s", status, stderr)
	if status != 2 || !strings.HasPrefix(stderr, "panic: runtime error: index out of range") || !strings.Contains(stderr, "(*Leaky).sendWelcome") {
		t.Errorf("want the whole server dead of the panic in its goroutine, got exit status %d", status)
	}
}

// TestFixedTurnsAPanicIntoAnError has welcome panic and then sends another mail (claim 4.2).
func TestFixedTurnsAPanicIntoAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		var logged bytes.Buffer
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 2, time.Second, slog.New(slog.NewTextHandler(&logged, nil)))
		post(fixed, blanks)
		post(fixed, ada)
		fixed.Shutdown(t.Context())
		if fixed.Failed.Load() != 1 || !strings.Contains(logged.String(), "panic: runtime error: index out of range") || !strings.Contains(logged.String(), ".welcome(") {
			t.Errorf("a mail panicked; %d failures counted, and the log has %q", fixed.Failed.Load(), &logged)
		}
		if fixed.Sent.Load() != 1 {
			t.Error("the mail after the one that panicked was not sent")
		}
	})
}
