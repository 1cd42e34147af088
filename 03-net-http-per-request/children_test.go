package main

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
)

// The role "two senders" ends with 3 when the clients of writeUntilTheEnd have sent more than
// one text of 6,000 words each, if one of them is a goroutine of its own, and otherwise with 4.
func init() {
	roles["two senders"] = func(string) {
		var words atomic.Int64
		writeUntilTheEnd(func(string) {
			if words.Add(1) <= 2*6000 {
				return
			}
			stacks := make([]byte, 1<<20)
			if text := string(stacks[:runtime.Stack(stacks, true)]); !strings.Contains(text, ".writeUntilTheEnd in goroutine ") {
				os.Exit(4)
			}
			os.Exit(3)
		})
	}
}

// TestTwoClientsSendUntilTheServerEnds is before the tests with the role "two writers", in
// which nothing would end the server if there were only one client.
func TestTwoClientsSendUntilTheServerEnds(t *testing.T) {
	if out, status, err := runRole("two senders", ""); status != 3 || err != nil {
		t.Errorf("got exit status %d, %v; want 3: two clients, of which each sends again and again\n%s", status, err, out)
	}
}

// TestResponseKeepsTheStatusAndTheLength of what is written to it.
func TestResponseKeepsTheStatusAndTheLength(t *testing.T) {
	r := &response{header: make(http.Header)}
	if r.Header().Set("Server", "here"); r.Header().Get("Server") != "here" {
		t.Error("a header that was set is lost")
	}
	r.WriteHeader(http.StatusTeapot)
	for _, text := range []string{"tea", "time"} {
		if n, err := io.WriteString(r, text); n != len(text) || err != nil {
			t.Errorf("a write of %q returned %d, %v", text, n, err)
		}
	}
	if r.status != http.StatusTeapot || r.length != 7 {
		t.Errorf("got the status %d and the length %d, want 418 and 7", r.status, r.length)
	}
}

// TestRaceDetectorIsReported: without it the tests that need a report of it would be skipped
// in every build.
func TestRaceDetectorIsReported(t *testing.T) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Skip("this program has no build information")
	}
	if got, want := raceDetector(), strings.Contains(info.String(), "-race=true"); got != want {
		t.Errorf("got %t, want %t, since the build information is\n%s", got, want, info)
	}
}
