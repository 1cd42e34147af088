package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientGoingAwayCancelsTheContext checks it on a real connection (claim 3.6): this handler ends
// by that only.
func TestClientGoingAwayCancelsTheContext(t *testing.T) {
	began, ended := make(chan struct{}), make(chan error, 1)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		ended <- r.Context().Err()
	}))
	visitor, leave := context.WithCancel(t.Context())
	go Get(visitor, newClients(), url)
	within(t, began, "the handler should begin")
	leave()
	if err := within(t, ended, "r.Context() should be cancelled when the client has gone"); !errors.Is(err, context.Canceled) {
		t.Errorf("r.Context() should say that it was cancelled, not %v", err)
	}
}

// leaveEarly visits a handler that does 10 pieces of work of 10 ms each, and goes away after
// 25 ms. It returns, in fake time, how long the handler ran and how many pieces it did.
func leaveEarly(t *testing.T, newHandler func(pieces int, each time.Duration, done func()) http.Handler) (ran time.Duration, pieces int) {
	const leavesAfter = 25 * time.Millisecond
	work := newHandler(10, 10*time.Millisecond, func() { pieces++ })
	ended := make(chan struct{})
	srv, pipes := serveInBubble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		work.ServeHTTP(w, r)
	}))
	start := time.Now()
	visitor, leave := context.WithTimeout(t.Context(), leavesAfter)
	defer leave()
	if _, err := Get(visitor, Crowd(pipes.Dial), "http://pipe"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the client should have gone early: %v", err)
	}
	<-ended
	ran = time.Since(start)
	srv.Close()
	return ran, pieces
}

// TestListeningHandlerStopsWhenClientGoes: it ends in the very instant in which the client goes, with
// two pieces done (claim 3.6).
func TestListeningHandlerStopsWhenClientGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran, pieces := leaveEarly(t, Listening)
		if ran != 25*time.Millisecond || pieces != 2 {
			t.Errorf("a handler that listens should stop when its client goes, after 25ms and 2 pieces of work; it stopped after %s and %d pieces", ran, pieces)
		}
	})
}

// TestDeafHandlerWorksOnForNobody: it does all of its work, most of it after the client has gone
// (negative control of 3.6).
func TestDeafHandlerWorksOnForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran, pieces := leaveEarly(t, Deaf)
		if ran != 100*time.Millisecond || pieces != 10 {
			t.Errorf("a deaf handler should work on to the end, 100ms and 10 pieces of work, but stopped after %s and %d pieces: it listens", ran, pieces)
		}
	})
}
