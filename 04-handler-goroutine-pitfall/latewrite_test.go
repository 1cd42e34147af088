package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
)

// TestLateWriteFollowsItsHandler: the handler has returned when the work is done.
func TestLateWriteFollowsItsHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work, returned, written := make(chan struct{}), make(chan bool, 1), make(chan error, 1)
		w := httptest.NewRecorder()
		h := &LateWrite{func() { <-work }, func(err error) { written <- err }}
		go func() { h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)); returned <- true }()
		synctest.Wait()
		if len(returned) == 0 {
			t.Error("the handler blocks until the work is done; only its goroutine must")
		}
		if got, want := w.Body.String(), "one moment,\n"; got != want {
			t.Errorf("before the work is done the response is %q, want %q", got, want)
		}
		close(work)
		err := <-written
		if got, want := w.Body.String(), "one moment,\nyour email was sent\n"; got != want || err != nil {
			t.Errorf("after the work the response is %q, and the result %v; want %q", got, err, want)
		}
	})
}

// A failingWriter is a response that can no longer be written to: a write fails, or panics.
type failingWriter struct {
	http.ResponseWriter
	err error // nil: it panics
}

func (w failingWriter) Write([]byte) (int, error) {
	if w.err == nil {
		panic("Write called after Handler finished")
	}
	return 0, w.err
}

// TestLateWriteDoesNotRecover: its goroutine passes an error on, but a panic ends the process.
func TestLateWriteDoesNotRecover(t *testing.T) {
	var result error
	h := &LateWrite{func() {}, func(err error) { result = err }}
	if h.answer(failingWriter{err: io.ErrClosedPipe}); result != io.ErrClosedPipe {
		t.Errorf("the result of the write is %v, want %v", result, io.ErrClosedPipe)
	}
	defer func() {
		if recover() == nil {
			t.Error("the write panicked, and the goroutine recovered; want the panic")
		}
	}()
	h.answer(failingWriter{})
}

// TestLateWriteIsLost lets the goroutine write when the client has the complete
// response (negative control of 4.6). Without the race detector only the error
// of the write reports it.
func TestLateWriteIsLost(t *testing.T) {
	out, status, err := runRoleOf(withoutRaceDetector(t), "late write after the response", "")
	if want := "one moment,\nhttp: wrote more than the declared Content-Length\n"; out != want || status != 0 || err != nil {
		t.Errorf("got status %d, %v, and the client's response and the error of the write\n%s\nthe late write must be lost:\n%s", status, err, out, want)
	}
}

// TestLateWriteIsADataRace lets the goroutine write while the server finishes
// the response (negative control of 4.6).
func TestLateWriteIsADataRace(t *testing.T) {
	needsRaceDetector(t)
	out, status, err := runRole("late write while the response ends", "")
	t.Logf("exit status %d, %v\n%s", status, err, out)
	if status != 66 || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, "(*LateWrite).answer") {
		t.Errorf("the race detector must report the late write, got status %d", status)
	}
	for report := range strings.SplitSeq(out, "WARNING: DATA RACE") {
		if accesses, _, _ := strings.Cut(report, "\nGoroutine "); strings.Contains(accesses, "(*LateWrite).ServeHTTP()") {
			t.Error("the report has a write of the handler; want only what the server does after it")
		}
	}
}

// TestThenClose closes its channel after the handler has returned, and not during it.
func TestThenClose(t *testing.T) {
	returned := make(chan struct{})
	closed := func() bool {
		select {
		case <-returned:
			return true
		default:
			return false
		}
	}
	thenClose(returned, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if closed() {
			t.Error("the channel is closed while the handler runs")
		}
	})).ServeHTTP(nil, nil)
	if !closed() {
		t.Error("the handler has returned, but the channel is open")
	}
}

// TestLateWritePanicsOverHTTP2 does the same over HTTP/2: as in 4.2, the panic
// ends the server (negative control of 4.6).
func TestLateWritePanicsOverHTTP2(t *testing.T) {
	out, status, err := runRoleOf(withoutRaceDetector(t), "late write over HTTP/2", "")
	if status != 2 || err != nil || !strings.HasPrefix(out, "panic: Write called after Handler finished\n") {
		t.Errorf("the late write must panic and end the process with status 2, got status %d, %v:\n%s", status, err, out)
	}
}

func init() {
	roles["section 4.6"] = func(string) { lateWrite(context.Background()) }
}

// TestSectionPrintsThePanicWithTheRaceDetector, too, where a report of it comes before the panic.
func TestSectionPrintsThePanicWithTheRaceDetector(t *testing.T) {
	needsRaceDetector(t)
	out, status, err := runRole("section 4.6", "")
	if want := "     over HTTP/2           panic: Write called after Handler finished, status 2\n"; status != 0 || err != nil || !strings.Contains(out, want) {
		t.Errorf("status %d, %v; want the line %q in\n%s", status, err, want, out)
	}
}

// TestFixedRespondsBeforeItsHandlerReturns reads the complete response before
// the email is sent: only the task outlives the handler (claim 4.6).
func TestFixedRespondsBeforeItsHandlerReturns(t *testing.T) {
	server := NewMailServer()
	server.Hangs = true
	fixed := newQuiet(server.DialPipe)
	resp := post(fixed, ada)
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusAccepted || !strings.Contains(string(body), "welcome") {
		t.Errorf("the response must be complete when the handler returns, got %d %q %v", resp.StatusCode, body, err)
	}
	server.Recover()
	fixed.Shutdown(t.Context())
	if more, _ := io.ReadAll(resp.Body); len(more) > 0 || fixed.Sent.Load() != 1 {
		t.Errorf("after the handler returned, %q was written to the response; %d emails were sent", more, fixed.Sent.Load())
	}
}
