package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// TestWriteAfterTheHandlerReturnedIsLost lets the goroutine write when the
// client has the whole answer (counter-proof of 4.6).
func TestWriteAfterTheHandlerReturnedIsLost(t *testing.T) {
	_, stderr := lateWrites(t)
	if want := `the client has "one moment,\n", and the goroutine is told "http: wrote more than the declared Content-Length"`; !strings.Contains(stderr, want) {
		t.Errorf("want the late write lost, that is %q, got:\n%s", want, stderr)
	}
}

// TestWriteAfterTheHandlerReturnedIsADataRace lets the goroutine write while
// the server finishes the answer (counter-proof of 4.6).
func TestWriteAfterTheHandlerReturnedIsADataRace(t *testing.T) {
	if !raceDetector() {
		t.Skip("needs the race detector: go test -race ./04-handler-goroutine-pitfall (on Linux and Windows with a C compiler, e.g. apt-get install gcc)")
	}
	status, stderr := lateWrites(t)
	t.Logf("exit status %d\n%s", status, stderr)
	if status != 66 || !strings.Contains(stderr, "WARNING: DATA RACE") || !strings.Contains(stderr, "(*LateWrite).answer") {
		t.Errorf("want the race detector to report the late write, got exit status %d", status)
	}
}

// lateWrites runs the wrong handler in a child process, since the race detector
// would blame this one.
func lateWrites(t *testing.T) (status int, stderr string) {
	t.Helper()
	child, err := StartChild("late write", "")
	if err != nil {
		t.Fatal(err)
	}
	return child.Wait()
}

func init() {
	roles["late write"] = func() {
		fmt.Println("up")
		for range 5 {
			returned, written := make(chan struct{}), make(chan error, 1)
			h := &LateWrite{func() { <-returned }, func(err error) { written <- err }}
			// Nothing puts in order what the server does after the handler has
			// returned, and what the goroutine then does.
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}))
			get(srv.URL)
			<-written
			srv.Close()
		}
		work, written := make(chan struct{}), make(chan error)
		srv := httptest.NewServer(&LateWrite{func() { <-work }, func(err error) { written <- err }})
		body := get(srv.URL)
		close(work)
		fmt.Fprintf(os.Stderr, "the client has %q, and the goroutine is told %q\n", body, fmt.Sprint(<-written))
		srv.Close()
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

func get(url string) (body string) {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	all, _ := io.ReadAll(resp.Body) // may be cut off: that is the bug
	return string(all)
}
