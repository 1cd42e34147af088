package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
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
		for _, killed := range []bool{true, false} {
			server := NewMailServer()
			server.Hangs = true
			addr, err := server.Listen()
			if err != nil {
				t.Fatal(err)
			}
			child, err := StartChild(role, addr)
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				resp, err := http.Post(child.URL, "application/json", strings.NewReader(ada))
				if err != nil || resp.StatusCode != http.StatusAccepted {
					t.Fatalf("%s: want 202, got %v, %v", role, resp, err)
				}
				resp.Body.Close()
			}
			want := 0
			if killed {
				child.Kill()
				server.Recover()
			} else {
				want = 5
				server.Recover()
				server.WaitFor(0, want)
				child.Kill()
			}
			server.Close()
			if got := len(server.Delivered()); got != want {
				t.Errorf("%s, killed: %t: 5 emails were accepted and %d delivered, want %d", role, killed, got, want)
			}
		}
	}
}
