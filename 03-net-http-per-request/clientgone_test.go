package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestClientLeavingCancelsTheContext checks it on a real connection with each
// protocol: only that ends this handler (claim 3.6).
func TestClientLeavingCancelsTheContext(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		began, ended := make(chan struct{}), make(chan error, 1)
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
			ended <- r.Context().Err()
		}))
		client, conn, err := DialOne(t.Context(), url[len("http://"):], http2)
		if err != nil {
			t.Fatal(err)
		}
		visitor, leave := context.WithCancel(t.Context())
		go Get(visitor, client, url)
		within(t, began, "the handler begins")
		leave()
		if err := within(t, ended, "r.Context() is canceled when the client has left"); !errors.Is(err, context.Canceled) {
			t.Errorf("HTTP/2 %t: the error of r.Context() is %v, want %v", http2, err, context.Canceled)
		}
		conn.Close()
	}
}

// TestClientLeavingIsNoticedOnceTheBodyIsRead: the client sends a request with a body, and
// closes its connection.
func TestClientLeavingIsNoticedOnceTheBodyIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		srv, pipes := serveInBubble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			time.Sleep(time.Hour) // fake time
			before := r.Context().Err()
			io.Copy(io.Discard, r.Body)
			time.Sleep(time.Hour)
			if after := r.Context().Err(); before != nil || after == nil {
				t.Errorf("the client has left; the context's error is %v before the body is read, and %v after; want it only after", before, after)
			}
		}))
		defer srv.Close()
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: pipe\r\nContent-Length: 4\r\n\r\nbody")
		conn.Close()
		<-ended
	})
}

// TestClientLeavingIsNotNoticedAfterItHasSentMore than its request, as with pipelining: with
// HTTP/1.x only a write that fails then cancels the context (claim 3.6).
func TestClientLeavingIsNotNoticedAfterItHasSentMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		srv, pipes := serveInBubble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			time.Sleep(time.Hour) // fake time
			before := r.Context().Err()
			http.NewResponseController(w).Flush()
			if after := r.Context().Err(); before != nil || after == nil {
				t.Errorf("the client has sent a byte more and left; the context's error is %v before a write, and %v after; want it only after", before, after)
			}
		}))
		defer srv.Close()
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: pipe\r\n\r\n")
		synctest.Wait() // the handler has begun
		io.WriteString(conn, "G")
		conn.Close()
		<-ended
	})
}

// leaveEarly visits a handler that does 10 pieces of work of 10 ms each, and leaves
// after 25 ms. It returns, in fake time, how long the handler ran and how many
// pieces it did.
func leaveEarly(t *testing.T, newHandler func(pieces int, each time.Duration, done func()) http.Handler) (ran time.Duration, pieces int) {
	work := newHandler(10, 10*time.Millisecond, func() { pieces++ })
	ended := make(chan struct{})
	srv, pipes := serveInBubble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		work.ServeHTTP(w, r)
	}))
	start := time.Now()
	visitor, leave := context.WithTimeout(t.Context(), 25*time.Millisecond)
	defer leave()
	if _, err := Get(visitor, Crowd(pipes.Dial), "http://pipe"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the client left after 25ms, and got %v", err)
	}
	<-ended
	ran = time.Since(start)
	srv.Close()
	return ran, pieces
}

// TestObservingHandlerStopsWhenTheClientLeaves: it returns in the same instant, with
// two pieces done (claim 3.6).
func TestObservingHandlerStopsWhenTheClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if ran, pieces := leaveEarly(t, Observing); ran != 25*time.Millisecond || pieces != 2 {
			t.Errorf("the handler ran for %s and did %d pieces; want 25ms and 2, because it observes its context", ran, pieces)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		rec := httptest.NewRecorder()
		if Observing(3, time.Second, func() {}).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil).WithContext(gone)); rec.Body.Len() != 0 {
			t.Errorf("after its client has left the handler answers %q, want it to return", rec.Body)
		}
	})
}

// TestHandlerIgnoringCancellationKeepsWorking: it does all of its work, most of it
// after the client has left (negative control of 3.6).
func TestHandlerIgnoringCancellationKeepsWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if ran, pieces := leaveEarly(t, Ignoring); ran != 100*time.Millisecond || pieces != 10 {
			t.Errorf("the handler ran for %s and did %d pieces; want 100ms and 10, because it ignores its context", ran, pieces)
		}
	})
}

// TestWorkIsDoneInPieces: if the client stays, both handlers do all pieces, report
// each when it is done, and then answer.
func TestWorkIsDoneInPieces(t *testing.T) {
	for _, handler := range observers {
		synctest.Test(t, func(t *testing.T) {
			var done []time.Duration
			start, rec := time.Now(), httptest.NewRecorder()
			h := handler.make(3, time.Second, func() { done = append(done, time.Since(start)) })
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
			want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}
			if !slices.Equal(done, want) || rec.Body.String() != "all done\n" {
				t.Errorf("%s: pieces were done after %v, the answer is %q; want %v, all done", handler.name.text, done, rec.Body, want)
			}
		})
	}
}

// TestLeaveAfterCountsPieces checks what 3.6 draws. The test's own context ends the request
// after the last piece, if its client has not left.
func TestLeaveAfterCountsPieces(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	before, after, cause, err := LeaveAfter(ctx, 2, func(done func()) http.Handler {
		pieces := 0
		return Ignoring(6, 10*time.Millisecond, func() {
			done()
			if pieces++; pieces == 6 {
				cancel()
			}
		})
	})
	if before != 2 || after != 4 || cause != context.Canceled || err != nil {
		t.Errorf("got %d pieces before and %d after, cause %v, error %v; want 2, 4, %v", before, after, cause, err, context.Canceled)
	}
}
