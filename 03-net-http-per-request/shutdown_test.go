package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inTheMiddle starts a server in memory and a request to it, and returns when the first half of the
// answer has been read.
func inTheMiddle(t *testing.T, h http.Handler) (srv *http.Server, pipes *Pipes, rest io.ReadCloser) {
	t.Helper()
	srv, pipes = serveInBubble(h)
	resp, err := Crowd(pipes.Dial).Get("http://pipe")
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	if line, err := body.ReadString('\n'); line != "first half\n" || err != nil {
		t.Fatalf("the first half of the answer should have arrived, but got %q, %v", line, err)
	}
	return srv, pipes, struct {
		io.Reader
		io.Closer
	}{body, resp.Body}
}

// TestShutdownWaitsForTheRequestUnderWay: the answer arrives complete, Shutdown returns only after
// that, and a new client is turned away meanwhile (claim 3.9).
func TestShutdownWaitsForTheRequestUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		var ended atomic.Bool
		srv, pipes, rest := inTheMiddle(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			TwoHalves(goOn).ServeHTTP(w, r)
			ended.Store(true)
		}))
		defer rest.Close()
		stopped := make(chan error, 1)
		go func() {
			err := Drain(srv, time.Minute)
			if !ended.Load() {
				t.Error("Shutdown should return after the request under way is answered, not before")
			}
			stopped <- err
		}()

		time.Sleep(10 * time.Second) // fake time: the request is long under way and Shutdown waits
		if _, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe"); err == nil {
			t.Error("a new client should be turned away while the server shuts down")
		}
		close(goOn)
		if text, err := io.ReadAll(rest); string(text) != "second half\n" || err != nil {
			t.Errorf("the answer under way should arrive complete, but then came %q, %v", text, err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("Shutdown should have had time enough: %v", err)
		}
	})
}

// TestCloseCutsOffTheRequestUnderWay: its client gets half an answer and an error (negative control of 3.9).
func TestCloseCutsOffTheRequestUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		srv, _, rest := inTheMiddle(t, TwoHalves(goOn))
		defer rest.Close()
		time.AfterFunc(10*time.Second, func() { close(goOn) }) // a server that waits would get this far
		if err := CutOff(srv); err != nil {
			t.Error(err)
		}
		text, err := io.ReadAll(rest)
		if len(text) > 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("Close should cut the answer off (unexpected EOF), but then came %q, %v", text, err)
		}
		t.Logf("after the first half the client got: %v", err)
		time.Sleep(20 * time.Second) // fake time: until the timer above has gone
	})
}

// TestDrainGivesUpAtItsDeadline: one stuck request does not keep the server from stopping (claim 3.9).
func TestDrainGivesUpAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, _, rest := inTheMiddle(t, TwoHalves(nil)) // a nil channel: it never goes on
		defer rest.Close()
		start := time.Now()
		err := Drain(srv, 5*time.Second)
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("Drain should give up after 5s, not after %s", took)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain should say that it ran out of time, not %v", err)
		}
		if _, err := io.ReadAll(rest); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("what is still under way at the deadline should be cut off, but got %v", err)
		}
	})
}
