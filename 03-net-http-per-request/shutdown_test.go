package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inTheMiddle sends a request to a server in memory and returns when the first half
// of the response has been read.
func inTheMiddle(t *testing.T, h http.Handler) (srv *http.Server, pipes *Pipes, rest io.ReadCloser) {
	t.Helper()
	srv, pipes = serveInBubble(h)
	resp, err := Crowd(pipes.Dial).Get("http://pipe")
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	if line, err := body.ReadString('\n'); line != "first half\n" || err != nil {
		t.Fatalf("got %q, %v; want the first half of the response", line, err)
	}
	return srv, pipes, struct {
		io.Reader
		io.Closer
	}{body, resp.Body}
}

// TestShutdownWaitsForRequestInFlight: the response arrives complete, Shutdown
// returns only after that, and a new client is refused meanwhile (claim 3.9).
func TestShutdownWaitsForRequestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var ended atomic.Bool
		srv, pipes, rest := inTheMiddle(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			TwoHalves(goOn).ServeHTTP(w, r)
			ended.Store(true)
		}))
		defer rest.Close()
		stopped := async(func() error {
			err := Drain(srv, time.Minute)
			if !ended.Load() {
				t.Error("Shutdown returned before the handler of the request in flight")
			}
			return err
		})
		time.Sleep(10 * time.Second) // fake time
		if _, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe"); err == nil {
			t.Error("a new client was answered during the shutdown, want it refused")
		}
		close(goOn)
		if text, err := io.ReadAll(rest); string(text) != "second half\n" || err != nil {
			t.Errorf("the rest of the response in flight is %q, %v; want the second half", text, err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown within a minute: %v", err)
		}
	})
}

// TestCloseCutsOffRequestInFlight: its client gets half a response and an error
// (negative control of 3.9).
func TestCloseCutsOffRequestInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		srv, _, rest := inTheMiddle(t, TwoHalves(goOn))
		defer rest.Close()
		time.AfterFunc(10*time.Second, func() { close(goOn) }) // a server that waits gets this far
		if err := CutOff(srv); err != nil {
			t.Error(err)
		}
		text, err := io.ReadAll(rest)
		if len(text) > 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("after Close the client got %q, %v; want it cut off (%v)", text, err, io.ErrUnexpectedEOF)
		}
		t.Logf("after the first half the client got: %v", err)
		time.Sleep(20 * time.Second) // fake time, until the timer above has fired
	})
}

// TestDrainClosesAtItsDeadline: one stuck request does not keep the server from
// stopping (claim 3.9).
func TestDrainClosesAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _, rest := inTheMiddle(t, TwoHalves(nil)) // a nil channel: it never goes on
		defer rest.Close()
		start := time.Now()
		err := Drain(srv, 5*time.Second)
		if took := time.Since(start); took != 5*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain returned %v after %s, want %v after 5s", err, took, context.DeadlineExceeded)
		}
		if _, err := io.ReadAll(rest); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("the request in flight at the deadline: got %v, want it cut off", err)
		}
	})
}

// TestShutdownDoesNotWaitForAConnectionWithoutARequest: six seconds after it was
// opened it counts as idle, and Shutdown looks twice a second (claim 3.9).
func TestShutdownDoesNotWaitForAConnectionWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := serveInBubble(http.NotFoundHandler())
		srv.ReadHeaderTimeout, srv.ReadTimeout = 0, 0
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		start := time.Now()
		err = Drain(srv, time.Minute)
		if took := time.Since(start); took < 6*time.Second || took > 7*time.Second || err != nil {
			t.Errorf("Shutdown returned %v after %s; want no error after 6 to 7 s", err, took)
		}
	})
}

// TestTwoHalvesBlocksBetweenThem until its channel is closed.
func TestTwoHalvesBlocksBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn, start, rec := make(chan struct{}), time.Now(), httptest.NewRecorder()
		time.AfterFunc(time.Hour, func() { close(goOn) })
		TwoHalves(goOn).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		if took := time.Since(start); took != time.Hour || rec.Body.String() != "first half\nsecond half\n" {
			t.Errorf("got %q after %s, want both halves after 1h0m0s", rec.Body, took)
		}
	})
}
