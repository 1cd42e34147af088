package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// lasting starts a server with a stream and a hijacked connection in progress. The
// stream's client and the connection are returned.
func lasting(t *testing.T, protect func(*http.Server) func(http.Handler) http.Handler) (srv *http.Server, stream io.Reader, hijacked func() error) {
	t.Helper()
	mux := http.NewServeMux()
	srv, pipes := NewServer(mux), newPipes()
	long := protect(srv)
	mux.Handle("/stream", long(Stream(1_000_000, time.Second)))
	mux.Handle("/echo", long(http.HandlerFunc(Echo)))
	go srv.Serve(pipes)
	resp, err := Crowd(pipes.Dial).Get("http://pipe/stream")
	if err != nil {
		t.Fatal(err)
	}
	conn, lines, err := dialEcho(t.Context(), pipes.Dial, "pipe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return srv, resp.Body, func() error {
		if _, err := fmt.Fprintln(conn, "still there?"); err != nil {
			return err
		}
		_, err := lines.ReadString('\n')
		return err
	}
}

// TestRegisterOnShutdownEndsStreamsAndHijackedConnections: both end when Shutdown
// begins, and Drain returns without an error (claim 3.15).
func TestRegisterOnShutdownEndsStreamsAndHijackedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l *Lasting
		srv, stream, hijacked := lasting(t, func(srv *http.Server) func(http.Handler) http.Handler {
			l = AddLasting(srv)
			return l.Handler
		})
		start := time.Now()
		stopped := async(func() error { return l.Drain(srv, time.Minute) })
		if _, err := io.Copy(io.Discard, stream); err != nil {
			t.Errorf("the stream ended with %v, want a complete response", err)
		}
		if err := <-stopped; err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("Drain returned %v after %s, want no error within two seconds", err, time.Since(start))
		}
		if err := l.every.Err(); err != nil {
			t.Errorf("no deadline has passed, and the context of every request is done: %v", err)
		}
		if err := hijacked(); err == nil {
			t.Error("the hijacked connection still answers after Drain, want it closed")
		}
	})
}

// TestShutdownWithoutRegistrationLeavesThemRunning: the stream holds Shutdown until
// its deadline and is cut off; the hijacked connection answers after it (negative
// control of 3.15).
func TestShutdownWithoutRegistrationLeavesThemRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, stream, hijacked := lasting(t, func(*http.Server) func(http.Handler) http.Handler {
			return func(h http.Handler) http.Handler { return h }
		})
		go io.Copy(io.Discard, stream)
		start := time.Now()
		err := Drain(srv, time.Minute)
		if took := time.Since(start); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain returned %v after %s; want %v after 1m0s, because the stream is in progress", err, took, context.DeadlineExceeded)
		}
		if err := hijacked(); err != nil {
			t.Errorf("the hijacked connection after Drain: %v; want an answer, because Close does not close it", err)
		} else {
			t.Log("after Shutdown and Close, the hijacked connection still answers")
		}
	})
}

// TestHandlersAreNotifiedWhenShutdownBegins, also by Shutdown itself, and if they begin later.
// The contexts of other requests are not canceled.
func TestHandlersAreNotifiedWhenShutdownBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := NewServer(nil)
		l := AddLasting(srv)
		if l.stopping.Err() != nil {
			t.Error("the handlers' context is done before Shutdown")
		}
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // Shutdown starts the registered functions in goroutines
		if l.stopping.Err() == nil || l.every.Err() != nil {
			t.Errorf("after Shutdown the handlers' context is done: %t, that of every request: %t; want true, false", l.stopping.Err() != nil, l.every.Err() != nil)
		}
		start := time.Now()
		l.Handler(Stream(1, time.Hour)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		if ran := time.Since(start); ran != 0 {
			t.Errorf("a handler that began during Shutdown ran for %s, want it canceled", ran)
		}
	})
}

// TestDrainWaitsForHijackedConnections: it returns when their handlers have, here a
// second after Shutdown (claim 3.15).
func TestDrainWaitsForHijackedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		mux := http.NewServeMux()
		srv, pipes := NewServer(mux), newPipes()
		l := AddLasting(srv)
		mux.Handle("/echo", l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Echo(w, r)
			time.Sleep(time.Second) // fake time
			ended.Store(true)
		})))
		go srv.Serve(pipes)
		conn, _, err := dialEcho(t.Context(), pipes.Dial, "pipe")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := l.Drain(srv, time.Minute); err != nil || !ended.Load() {
			t.Errorf("Drain returned before the handler of a hijacked connection, or with an error: %v", err)
		}
	})
}

// TestDrainReturnsAlthoughAHandlerIgnoresItsContext: that of a hijacked connection works
// for a day (claim 3.15).
func TestDrainReturnsAlthoughAHandlerIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		srv, pipes := NewServer(mux), newPipes()
		l := AddLasting(srv)
		mux.Handle("/echo", l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Echo(w, r)
			time.Sleep(24 * time.Hour) // fake time
		})))
		go srv.Serve(pipes)
		conn, _, err := dialEcho(t.Context(), pipes.Dial, "pipe")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		start := time.Now()
		err = l.Drain(srv, time.Minute)
		if took := time.Since(start); err == nil || took != time.Minute {
			t.Errorf("Drain returned %v after %s, want an error after 1m0s", err, took)
		}
		if l.every.Err() == nil {
			t.Error("after the deadline the handlers' context is not canceled")
		}
		time.Sleep(24 * time.Hour) // the handler ends with the test
	})
}

// TestShutdownDoesNotCancelOtherRequests: a request in flight that is not registered
// keeps its context until the deadline; after it every context is canceled (claim 3.15).
func TestShutdownDoesNotCancelOtherRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct{ deadline, canceled time.Duration }{{time.Minute, 10 * time.Second}, {time.Second, time.Second}} {
			start, ended := time.Now(), make(chan time.Duration, 1)
			srv, pipes := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				Work(10*time.Second).ServeHTTP(w, r)
				ended <- time.Since(start)
			})), newPipes()
			l := AddLasting(srv)
			go srv.Serve(pipes)
			client := async(func() error { _, err := Get(t.Context(), Crowd(pipes.Dial), "http://pipe"); return err })
			synctest.Wait()
			l.Drain(srv, test.deadline)
			if after := <-ended; after != test.canceled {
				t.Errorf("a handler of 10s and a deadline of %s: it returned after %s, want %s", test.deadline, after, test.canceled)
			}
			<-client
		}
	})
}

// TestEveryContextIsCanceledAfterTheDeadline, also that of a hijacked connection which
// Close does not close. A request is stuck until then.
func TestEveryContextIsCanceledAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		srv, pipes := NewServer(mux), newPipes()
		l := AddLasting(srv)
		mux.HandleFunc("/stuck", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) })
		mux.HandleFunc("/echo", Echo) // without Handler
		go srv.Serve(pipes)
		conn, lines, err := dialEcho(t.Context(), pipes.Dial, "pipe")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go Get(t.Context(), Crowd(pipes.Dial), "http://pipe/stuck")
		synctest.Wait()
		start := time.Now()
		go l.Drain(srv, time.Minute)
		if _, err := lines.ReadString('\n'); err == nil || time.Since(start) != time.Minute {
			t.Errorf("the hijacked connection ended after %s with %v, want 1m0s", time.Since(start), err)
		}
		time.Sleep(time.Hour) // fake time
	})
}

// TestDrainReturnsTheErrorOfItsDeadline, and also then waits for the handler of a
// hijacked connection, here one that ignores its context for two minutes.
func TestDrainReturnsTheErrorOfItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		srv, pipes := NewServer(mux), newPipes()
		l := AddLasting(srv)
		mux.HandleFunc("/stuck", func(http.ResponseWriter, *http.Request) { time.Sleep(time.Hour) })
		mux.Handle("/echo", l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Echo(w, r)
			time.Sleep(2 * time.Minute) // fake time
		})))
		go srv.Serve(pipes)
		conn, _, err := dialEcho(t.Context(), pipes.Dial, "pipe")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		start := time.Now()
		cutOff := make(chan time.Duration, 1)
		go func() {
			Get(t.Context(), Crowd(pipes.Dial), "http://pipe/stuck")
			cutOff <- time.Since(start)
		}()
		synctest.Wait()
		if err := l.Drain(srv, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 2*time.Minute {
			t.Errorf("Drain returned %v after %s, want %v after 2m0s", err, time.Since(start), context.DeadlineExceeded)
		}
		if after := <-cutOff; after != time.Minute {
			t.Errorf("the client of the request that is stuck was cut off after %s, want 1m0s", after)
		}
		time.Sleep(time.Hour) // fake time
	})
}

// TestEchoOutlivesTheServersDeadlines: they do not apply to a hijacked connection.
// Echo needs HTTP/1.1 (claim 3.15).
func TestEchoOutlivesTheServersDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := NewServer(http.HandlerFunc(Echo)), newPipes()
		srv.WriteTimeout = time.Second
		go srv.Serve(pipes)
		defer srv.Close()
		conn, lines, err := dialEcho(t.Context(), pipes.Dial, "pipe")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour) // fake time
		fmt.Fprintln(conn, "hello")
		if line, err := lines.ReadString('\n'); line != "hello\n" {
			t.Errorf("after an hour got %q, %v; want the line that was sent", line, err)
		}
		conn.Close()
	})
	rec := httptest.NewRecorder()
	if Echo(rec, httptest.NewRequest("GET", "/", nil)); rec.Code != http.StatusNotImplemented {
		t.Errorf("a connection that cannot be hijacked: got %d, want 501", rec.Code)
	}
}

// TestLastingHandlerEndsWhenItsClientLeaves: the context of Handler is the request's,
// too. When the request has ended, Lasting keeps nothing of it.
func TestLastingHandlerEndsWhenItsClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := AddLasting(NewServer(nil))
		kept := &keeping{Context: l.stopping}
		l.stopping = kept
		type key struct{}
		ctx, leave := context.WithTimeout(context.WithValue(t.Context(), key{}, "trace 7"), time.Minute)
		defer leave()
		start := time.Now()
		l.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if v := r.Context().Value(key{}); v != "trace 7" {
				t.Errorf("the handler's context has the value %v, want that of the request's", v)
			}
			Stream(2, time.Hour).ServeHTTP(w, r)
		})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
		if ran := time.Since(start); ran != time.Minute {
			t.Errorf("the client left after 1m0s, and the handler returned after %s", ran)
		}
		if n, all := kept.now.Load(), kept.ever.Load(); n != 0 || all != 1 {
			t.Errorf("one request has ended, and Lasting keeps %d functions of %d, want none of 1", n, all)
		}
	})
}

// keeping counts the functions that context.AfterFunc registers with a context.
type keeping struct {
	context.Context
	now, ever atomic.Int64
}

func (k *keeping) Value(any) any { return nil } // so that context calls AfterFunc below

func (k *keeping) AfterFunc(f func()) (stop func() bool) {
	k.now.Add(1)
	k.ever.Add(1)
	inner := context.AfterFunc(k.Context, f)
	return func() bool { k.now.Add(-1); return inner() }
}

// TestEchoClosesItsConnection when its client sends no more. Nothing else does.
func TestEchoClosesItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		go Echo(hijackable{httptest.NewRecorder(), server}, httptest.NewRequest("GET", "/", nil))
		got, err := io.ReadAll(client)
		if !strings.HasSuffix(string(got), "\r\n\r\n"+longLine+"two\n") || err != nil {
			t.Errorf("got %d bytes, %.200q, %v; want both lines, not the half one, and then the end", len(got), got, err)
		}
	})
}

// TestHandlerThatBeginsWhenDrainWaitsGets503: Shutdown has returned, and Drain waits for a
// handler that is still running.
func TestHandlerThatBeginsWhenDrainWaitsGets503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := NewServer(nil)
		l := AddLasting(srv)
		ended := make(chan struct{})
		h := l.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
		go h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		synctest.Wait()
		drained := async(func() error { return l.Drain(srv, time.Hour) })
		synctest.Wait()
		w := httptest.NewRecorder()
		second := async(func() error { h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil)); return nil })
		synctest.Wait()
		close(ended)
		if <-second; w.Code != http.StatusServiceUnavailable {
			t.Errorf("got status %d, want 503", w.Code)
		}
		if err := <-drained; err != nil {
			t.Errorf("Drain returned %v", err)
		}
	})
}

// TestDialEchoChecksTheEcho: another line, or no response, is an error.
func TestDialEchoChecksTheEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for answer, want := range map[string]bool{" hello \n": true, "hello\n": false, "": false} {
			dial := func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					defer server.Close()
					lines := bufio.NewReader(server)
					if _, err := http.ReadRequest(lines); err != nil {
						t.Error(err)
					}
					fmt.Fprint(server, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
					lines.ReadString('\n')
					fmt.Fprint(server, answer)
				}()
				return client, nil
			}
			if _, _, err := dialEcho(t.Context(), dial, "here"); (err == nil) != want {
				t.Errorf("the server answers %q: got the error %v", answer, err)
			}
		}
	})
}

// longLine does not fit into the buffer of a bufio.Reader.
var longLine = strings.Repeat(" one ", 20_000) + "\r\n"

// hijackable is a response whose client has sent two lines and a half, and then closed its side.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(strings.NewReader(longLine+"two\nthr")), nil), nil
}
