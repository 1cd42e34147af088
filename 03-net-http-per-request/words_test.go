package main

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// TestCopyOfAMapBelongsToTheCaller: two clients send words at the same time, each
// word is counted, and a change of the copy does not change the count (claim 3.11).
func TestCopyOfAMapBelongsToTheCaller(t *testing.T) {
	ws := NewWords()
	report := Report(ws.Copy)
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() {
			Count(ws.Add).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("To be ", 100))))
		})
	}
	ws.Copy() // while they send
	clients.Wait()
	copied := ws.Copy()
	ws.Add("be")
	copied["be"] = -1
	rec := httptest.NewRecorder()
	report.ServeHTTP(rec, nil)
	if got, want := rec.Body.String(), `{"To":200,"be":201}`+"\n"; got != want || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("after 200 times \"To be\" and one \"be\" the report is %s, want %s", got, want)
	}
}

// TestCountIsReadWithTheLock: while another goroutine holds it, the methods that lock block.
func TestCountIsReadWithTheLock(t *testing.T) {
	ws := NewWords()
	for method, call := range map[string]func(){
		".(*Words).Add":      func() { ws.Add("to") },
		".(*Words).Copy":     func() { ws.Copy() },
		".(*Words).Assigned": func() { ws.Assigned() },
	} {
		ws.mu.Lock()
		called := async(func() error { call(); return nil })
		for len(called) == 0 && Blocked(method)["sync.Mutex.Lock"] == 0 {
			runtime.Gosched()
		}
		if len(called) > 0 {
			t.Errorf("%s returned while another goroutine held the lock, want it blocked in Lock", method)
		}
		ws.mu.Unlock()
		<-called
	}
}

// TestCountRefusesWhatItCannotRead: a word of more than 64 KB, and a body that is cut off. (A
// word of exactly 64 KB passes only if the end of the body is read together with it.)
func TestCountRefusesWhatItCannotRead(t *testing.T) {
	long := strings.Repeat("x", 64<<10+1)
	for what, test := range map[string]struct {
		body io.Reader
		want int
	}{
		"two words":          {strings.NewReader("to be"), 200},
		"a word of 65535 B":  {strings.NewReader("to " + long[2:] + " be"), 200},
		"a word of 65537 B":  {strings.NewReader("to " + long + " be"), 400},
		"the last of them":   {iotest.DataErrReader(strings.NewReader(long)), 400},
		"a body that is cut": {io.MultiReader(strings.NewReader("to be "), iotest.ErrReader(io.ErrUnexpectedEOF)), 400},
	} {
		w := httptest.NewRecorder()
		Count(func(string) {}).ServeHTTP(w, httptest.NewRequest("POST", "/", test.body))
		if w.Code != test.want {
			t.Errorf("%s: got status %d, want %d", what, w.Code, test.want)
		}
	}
}

// TestReportIsEncodedWithoutTheLock (claim 3.11).
func TestReportIsEncodedWithoutTheLock(t *testing.T) {
	ws := NewWords()
	ws.Add("to")
	Report(ws.Copy).ServeHTTP(slowReader{httptest.NewRecorder(), func() bool {
		if !ws.mu.TryLock() {
			return false
		}
		ws.mu.Unlock()
		return true
	}, t}, nil)
}

// TestSlowReaderOfAReportDelaysNoOther: while one client reads a report, which its
// handler therefore writes, another client gets a whole one (claim 3.11).
func TestSlowReaderOfAReportDelaysNoOther(t *testing.T) {
	ws := NewWords()
	ws.Add("to")
	report, other, done := Report(ws.Copy), httptest.NewRecorder(), make(chan struct{})
	report.ServeHTTP(slowReader{httptest.NewRecorder(), func() bool {
		go otherClient(report, other, done)
		for {
			select {
			case <-done:
				return true
			default:
				runtime.Gosched()
			}
			for state := range Blocked(".otherClient") {
				if strings.HasPrefix(state, "sync.") {
					return false
				}
			}
		}
	}, t}, nil)
	<-done
	if got, want := other.Body.String(), `{"to":1}`+"\n"; got != want {
		t.Errorf("while one client is reading, another one gets %q, want %q", got, want)
	}
}

// otherClient closes done when h has returned.
func otherClient(h http.Handler, w http.ResponseWriter, done chan<- struct{}) {
	h.ServeHTTP(w, nil)
	close(done)
}

// TestCopiedMapIsNoDataRace runs the negative control's program with Copy (claim 3.11).
func TestCopiedMapIsNoDataRace(t *testing.T) {
	needsRaceDetector(t)
	if out, status, err := runRole("copied map", "", "GOMAXPROCS=1"); status != 0 || err != nil {
		t.Errorf("got exit status %d, %v; want 0:\n%s", status, err, out)
	}
}

// TestAssignedMapIsADataRace: Assigned returns the map itself, and its caller reads
// it while another goroutine adds a word (negative control of 3.11).
func TestAssignedMapIsADataRace(t *testing.T) {
	ws := NewWords()
	counts := ws.Assigned()
	ws.Add("to")
	if !maps.Equal(counts, map[string]int{"to": 1}) {
		t.Errorf("got %v, want the count of a word that was added later", counts)
	}
	wantRace(t, "assigned map", ".(*Words).Add()", ".encodeDuringAdd()")
}

// TestConcurrentMapWritesEndTheServer: two handlers write to a map without a lock
// until the runtime notices. The handlers' recover has no effect (negative control
// of 3.11).
func TestConcurrentMapWritesEndTheServer(t *testing.T) {
	new(Words).AddUnlocked("to") // it recovers this panic: the map is nil
	out, status, err := runRoleOf(withoutRaceDetector(t), "two writers", "", "GOMAXPROCS=2")
	t.Logf("exit status %d\n%s", status, out)
	if status != 2 || err != nil || !strings.HasPrefix(out, "fatal error: concurrent map writes\n") {
		t.Errorf("got exit status %d, %v; want 2 and \"fatal error: concurrent map writes\"", status, err)
	}
}
