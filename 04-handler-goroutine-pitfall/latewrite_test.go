package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestWriteAfterTheHandlerReturnedIsLost lets the goroutine write when the
// client has the whole response (negative control of 4.6). Without the race
// detector nothing reports it but the error of the write.
func TestWriteAfterTheHandlerReturnedIsLost(t *testing.T) {
	out, status, err := runRoleOf(withoutRaceDetector(t), "late write after the response", "")
	if want := "one moment,\nhttp: wrote more than the declared Content-Length\n"; out != want || status != 0 || err != nil {
		t.Errorf("got exit status %d, %v, and the client's response and the write's error\n%s\nwant the late write lost:\n%s", status, err, out, want)
	}
}

// TestWriteAfterTheHandlerReturnedIsADataRace lets the goroutine write while
// the server finishes the response (negative control of 4.6).
func TestWriteAfterTheHandlerReturnedIsADataRace(t *testing.T) {
	needsRaceDetector(t)
	out, status, err := runRole("late write while the response ends", "")
	t.Logf("exit status %d, %v\n%s", status, err, out)
	if status != 66 || !strings.Contains(out, "WARNING: DATA RACE") || !strings.Contains(out, "(*LateWrite).answer") {
		t.Errorf("want the race detector to report the late write, got exit status %d", status)
	}
}

// TestWriteAfterTheHandlerReturnedPanicsOverHTTP2, and as in 4.2 that ends the
// server (negative control of 4.6).
func TestWriteAfterTheHandlerReturnedPanicsOverHTTP2(t *testing.T) {
	out, status, err := runRoleOf(withoutRaceDetector(t), "late write over HTTP/2", "")
	if status != 2 || err != nil || !strings.HasPrefix(out, "panic: Write called after Handler finished\n") {
		t.Errorf("want the late write to panic, and end the process with status 2, got status %d, %v:\n%s", status, err, out)
	}
}

// TestFixedAnswersBeforeItsHandlerReturns reads the whole answer before the
// mail is sent: nothing but the task outlives the handler (claim 4.6).
func TestFixedAnswersBeforeItsHandlerReturns(t *testing.T) {
	server := NewMailServer()
	server.Hangs = true
	fixed := newQuiet(server.DialPipe)
	answer := post(fixed, ada)
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusAccepted || !strings.Contains(string(body), "welcome") {
		t.Errorf("the answer should be complete when the handler returns: %d %q %v", answer.StatusCode, body, err)
	}
	server.Recover()
	fixed.Shutdown(t.Context())
	if again, _ := io.ReadAll(answer.Body); len(again) > 0 || fixed.Sent.Load() != 1 {
		t.Errorf("after the handler returned, %q was written to the answer; %d mails sent", again, fixed.Sent.Load())
	}
}
