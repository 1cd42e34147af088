package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
)

// TestWriteAfterTheHandlerReturnedIsLost lets the goroutine write when the
// client has the whole answer (counter-proof of 4.6).
func TestWriteAfterTheHandlerReturnedIsLost(t *testing.T) {
	_, stderr := lateWrites(t, "late write")
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
	status, stderr := lateWrites(t, "late write")
	t.Logf("exit status %d\n%s", status, stderr)
	if status != 66 || !strings.Contains(stderr, "WARNING: DATA RACE") || !strings.Contains(stderr, "(*LateWrite).answer") {
		t.Errorf("want the race detector to report the late write, got exit status %d", status)
	}
}

// TestWriteAfterTheHandlerReturnedPanicsOverHTTP2, and as in 4.2 that is the end
// of the server (counter-proof of 4.6).
func TestWriteAfterTheHandlerReturnedPanicsOverHTTP2(t *testing.T) {
	status, stderr := lateWrites(t, "late write over HTTP/2")
	if status != 2 || !strings.Contains(stderr, "panic: Write called after Handler finished\n") {
		t.Errorf("want the late write to panic, and end the process with status 2, got status %d:\n%s", status, stderr)
	}
}

// lateWrites runs the wrong handler in a child process, since the race detector
// would blame this one.
func lateWrites(t *testing.T, role string) (status int, stderr string) {
	t.Helper()
	child, err := StartChild(role, "")
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
	roles["late write over HTTP/2"] = func() {
		fmt.Println("up")
		work := make(chan struct{})
		srv := httptest.NewUnstartedServer(&LateWrite{func() { <-work }, func(error) { os.Exit(0) }})
		srv.EnableHTTP2 = true
		srv.StartTLS()
		resp, err := srv.Client().Get(srv.URL)
		if err != nil || resp.ProtoMajor != 2 {
			fmt.Fprintln(os.Stderr, "no answer over HTTP/2:", err)
			return
		}
		io.ReadAll(resp.Body)
		resp.Body.Close()
		for Inside("runHandler") > 0 { // the answer is there, and its handler's goroutine has a line or two to go
			runtime.Gosched()
		}
		close(work)
		select {} // until the panic ends this process
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
