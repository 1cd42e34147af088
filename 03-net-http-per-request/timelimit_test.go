package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestTimeoutHandlerAnswersInTime: the client gets 503 when the limit is over. The
// handler's context is done then, and its late write returns an error (claim 3.12).
func TestTimeoutHandlerAnswersInTime(t *testing.T) {
	t.Run("1s", func(t *testing.T) { answersInTime(t, time.Second) })
	t.Run("0s", func(t *testing.T) { answersInTime(t, 0) })
}

func answersInTime(t *testing.T, limit time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		type late struct {
			done  time.Duration
			cause error
			write error
		}
		handler := make(chan late, 1)
		srv, pipes := serveInBubble(LimitTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			l := late{done: time.Since(start), cause: r.Context().Err()}
			time.Sleep(time.Second) // fake time: it takes a second to stop
			_, l.write = io.WriteString(w, "late")
			handler <- l
		}), limit))
		defer srv.Close()
		body, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe")
		if took := time.Since(start); took != limit || err == nil || !strings.HasPrefix(err.Error(), "503 ") || body != "too slow\n" {
			t.Errorf("the client got %q, %v after %s; want 503 after %s", body, err, took, limit)
		}
		l := <-handler
		if l.done != limit || !errors.Is(l.cause, context.DeadlineExceeded) {
			t.Errorf("the handler's context was done after %s with %v, want %s with %v", l.done, l.cause, limit, context.DeadlineExceeded)
		}
		if !errors.Is(l.write, http.ErrHandlerTimeout) {
			t.Errorf("the handler's late write returned %v, want %v", l.write, http.ErrHandlerTimeout)
		}
	})
}

// TestQuickHandlerIsNotLimited: its response arrives unmodified (claim 3.12).
func TestQuickHandlerIsNotLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := serveInBubble(LimitTime(Work(time.Second), 2*time.Second))
		defer srv.Close()
		if body, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe"); body != "done after 1s\n" || err != nil {
			t.Errorf("got %q, %v; want the handler's response", body, err)
		}
	})
}

// TestTimeoutHandlerDoesNotStream: the response is in memory until the handler
// returns (claim 3.12).
func TestTimeoutHandlerDoesNotStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := serveInBubble(LimitTime(Stream(3, time.Second), time.Minute))
		defer srv.Close()
		if events, err := Follow(t.Context(), Crowd(pipes.Dial), "http://pipe"); len(events) != 1 || err != nil {
			t.Errorf("got %d events, %v; want 1, since Flush returns an error", len(events), err)
		}
	})
}

// TestTimeoutHandlerHidesAPanic of a handler: before its limit the server logs it without the
// handler's stack, and later not at all (claim 3.12).
func TestTimeoutHandlerHidesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := make(Log, 10)
		srv, pipes := NewServer(LimitTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/late" {
				time.Sleep(2 * time.Second)
			}
			Share(w, r)
		}), time.Second)), newPipes()
		srv.ErrorLog = log.New(logged, "", 0)
		go srv.Serve(pipes)
		defer srv.Close()
		if body, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe/?among=0"); !errors.Is(err, io.EOF) {
			t.Errorf("the client of a handler that panics got %q, %v; want EOF", body, err)
		}
		entry := <-logged
		if !strings.Contains(entry, "integer divide by zero") || strings.Contains(entry, ".Share(") {
			t.Errorf("a panic before the limit is logged as %q; want it without the handler's stack", entry)
		}
		Get(t.Context(), Crowd(pipes.Dial), "http://pipe/late?among=0")
		time.Sleep(time.Minute)
		if len(logged) > 0 {
			t.Errorf("a panic after the limit is logged as %q; want it lost", <-logged)
		}
	})
}

// TestTimeoutHandlerCannotStopAHandler that ignores its context (negative control of
// 3.12).
func TestTimeoutHandlerCannotStopAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, pieces, ended := time.Now(), 0, make(chan time.Duration, 1)
		work := Ignoring(10, time.Second, func() { pieces++ })
		srv, pipes := serveInBubble(LimitTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			work.ServeHTTP(w, r)
			ended <- time.Since(start)
		}), time.Second/2))
		defer srv.Close()
		Get(t.Context(), Crowd(pipes.Dial), "http://pipe")
		if ran := <-ended; ran != 10*time.Second || pieces != 10 {
			t.Errorf("the handler ran for %s and did %d pieces; want 10s and 10, because it ignores its context", ran, pieces)
		}
	})
}

// TestWriteTimeoutNotifiesNoHandler: on HTTP/1.1 the handler's context is not done,
// its small writes return no error, and the client gets EOF when the handler
// returns (negative control of 3.12).
func TestWriteTimeoutNotifiesNoHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 10 * time.Second
		start := time.Now()
		srv, pipes := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(takes)
			_, err := io.WriteString(w, "done")
			if r.Context().Err() != nil || err != nil {
				t.Errorf("after WriteTimeout: context %v, write %v; want no error in both", r.Context().Err(), err)
			}
		})), newPipes()
		srv.WriteTimeout = time.Second
		go srv.Serve(pipes)
		defer srv.Close()
		body, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe")
		if took := time.Since(start); took != takes || !errors.Is(err, io.EOF) {
			t.Errorf("the client got %q, %v after %s; want EOF after %s", body, err, took, takes)
		}
	})
}

// TestWriteThatFailsCancelsTheContext: after WriteTimeout a flush fails, and with HTTP/1.x
// only that notifies the handler.
func TestWriteThatFailsCancelsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * time.Second)
			before, err := r.Context().Err(), http.NewResponseController(w).Flush()
			if after := r.Context().Err(); before != nil || !errors.Is(err, os.ErrDeadlineExceeded) || after == nil {
				t.Errorf("after WriteTimeout a flush returns %v; the context's error is %v before it, and %v after it; want %v, and an error only after it", err, before, after, os.ErrDeadlineExceeded)
			}
		})), newPipes()
		srv.WriteTimeout = time.Second
		go srv.Serve(pipes)
		defer srv.Close()
		if body, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe"); err == nil {
			t.Errorf("the client got %q, want an error", body)
		}
	})
}

// TestWriteTimeoutOnHTTP2CancelsTheContext: when it expires, the stream ends (claim 3.12).
func TestWriteTimeoutOnHTTP2CancelsTheContext(t *testing.T) {
	ended := make(chan error, 1)
	srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		ended <- r.Context().Err()
	}))
	srv.WriteTimeout = time.Millisecond
	addr, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	client, conn, err := DialOne(t.Context(), addr, true)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if body, err := Get(t.Context(), client, "http://"+addr); err == nil {
		t.Errorf("the client got %q, want an error", body)
	}
	if err := within(t, ended, "the handler's context is done"); !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context has the error %v, want %v", err, context.Canceled)
	}
}

// TestTimeLimitByHandReturnsInTime with status 503, although its handler is running.
func TestTimeLimitByHandReturnsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, end, rec := time.Now(), make(chan struct{}), httptest.NewRecorder()
		defer close(end)
		LimitTimeByHand(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-end }), time.Minute).ServeHTTP(rec, nil)
		if took := time.Since(start); took != time.Minute || rec.Code != http.StatusServiceUnavailable {
			t.Errorf("got status %d after %s, want 503 after 1m0s", rec.Code, took)
		}
	})
}

// TestTimeLimitByHandIsADataRace: the handler writes to a response that is finished
// (negative control of 3.12).
func TestTimeLimitByHandIsADataRace(t *testing.T) {
	wantRace(t, "limit by hand", ".LimitTimeByHand.", ".writeAfterLimit.func1()")
}
