package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// ask calls WhoAmI over so many connections, and returns the numbers of the different goroutines
// and connections that answered.
func ask(t *testing.T, connections, requests int, http2, atOnce bool) (goroutines, conns map[string]bool, origins []Origin) {
	t.Helper()
	h := http.Handler(http.HandlerFunc(WhoAmI))
	if atOnce {
		h = Together(requests, h)
	}
	origins, err := Ask(t.Context(), h, connections, requests, http2, atOnce)
	if err != nil {
		t.Fatal(err)
	}
	goroutines, conns = make(map[string]bool), make(map[string]bool)
	for _, o := range origins {
		goroutines[o.Goroutine], conns[o.Conn] = true, true
	}
	return goroutines, conns, origins
}

// TestRequestsOnOneKeptAliveConnectionShareOneGoroutine is the first half of HTTP/1.x (claim 3.2).
func TestRequestsOnOneKeptAliveConnectionShareOneGoroutine(t *testing.T) {
	goroutines, conns, _ := ask(t, 1, 5, false, false)
	if len(conns) != 1 {
		t.Fatalf("5 requests were to share 1 connection, but came over %d", len(conns))
	}
	if len(goroutines) != 1 {
		t.Errorf("5 requests on one HTTP/1.1 connection should share its goroutine, but ran in %d", len(goroutines))
	}
}

// TestRequestsOnOneConnectionTakeTurns proves that requests that share a connection never run at
// the same time, even if the client sends the second one before the first is answered (claim 3.2).
func TestRequestsOnOneConnectionTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, end := make(chan struct{}, 2), make(chan struct{})
		srv, pipes := serveInBubble(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			begin <- struct{}{}
			<-end
		}))
		conn, err := pipes.Dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, conn)
		const get = "GET / HTTP/1.1\r\nHost: here\r\n\r\n"
		fmt.Fprint(conn, get+get)

		synctest.Wait() // now every goroutine waits for something: nothing more happens by itself
		if len(begin) != 1 {
			t.Errorf("two requests on one connection should run one after the other, but %d are under way", len(begin))
		}
		end <- struct{}{}
		synctest.Wait()
		if len(begin) != 2 {
			t.Error("the second request should begin when the first one is answered")
		}
		close(end)
		conn.Close()
		srv.Close()
	})
}

// TestEveryConnectionHasItsOwnGoroutine is the second half of HTTP/1.x (claim 3.2).
func TestEveryConnectionHasItsOwnGoroutine(t *testing.T) {
	goroutines, conns, _ := ask(t, 5, 5, false, true)
	if len(conns) != 5 || len(goroutines) != 5 {
		t.Errorf("5 connections should have 5 goroutines, but %d connections had %d", len(conns), len(goroutines))
	}
}

// TestEveryHTTP2RequestHasItsOwnGoroutine: on one HTTP/2 connection requests run at the same
// time, and even those that come one after the other do not share a goroutine (claim 3.2).
func TestEveryHTTP2RequestHasItsOwnGoroutine(t *testing.T) {
	for _, atOnce := range []bool{false, true} {
		goroutines, conns, _ := ask(t, 1, 5, true, atOnce)
		if len(conns) != 1 {
			t.Fatalf("5 requests were to share 1 connection, but came over %d", len(conns))
		}
		if len(goroutines) != 5 {
			t.Errorf("5 requests on one HTTP/2 connection should have 5 goroutines, but had %d (at once: %t)", len(goroutines), atOnce)
		}
	}
}

// TestHandlerGoroutineIsStartedByNetHTTP reads the go statement that started a handler's goroutine
// from the installed Go source, by nothing but the handler's own stack (claim 3.2).
func TestHandlerGoroutineIsStartedByNetHTTP(t *testing.T) {
	_, _, origins := ask(t, 1, 1, false, false)
	h1 := origins[0]
	_, _, origins = ask(t, 1, 1, true, false)
	h2 := origins[0]

	if want := "net/http.(*Server).Serve"; h1.Creator != want {
		t.Errorf("the goroutine of an HTTP/1.1 handler should be started by %s, not by %s", want, h1.Creator)
	}
	// Which package has HTTP/2 depends on the release: net/http, or net/http/internal/http2 since Go 1.27.
	if !strings.HasPrefix(h2.Where(), "net/http/") || h2.Creator == h1.Creator {
		t.Errorf("the goroutine of an HTTP/2 handler should be started below net/http/, by another function than for HTTP/1.1; got %s, %s", h2.Creator, h2.Where())
	}
	if want := "net/http.(*conn).serve"; !slices.Contains(h1.Calls, want) {
		t.Errorf("%s should be on the stack of an HTTP/1.1 handler, which is %q", want, h1.Calls)
	}
	line1, err := h1.SourceLine(context.Background())
	if err != nil {
		t.Skip("the line itself can't be shown: ", err)
	}
	if want := "go c.serve(…)"; line1 != want {
		t.Errorf("%s should be %q, but is %q", h1.Where(), want, line1)
	}
	line2, err := h2.SourceLine(context.Background())
	if want := "go sc.runHandler(…)"; line2 != want || err != nil {
		t.Errorf("%s should be %q, but is %q, %v", h2.Where(), want, line2, err)
	}
	t.Logf("HTTP/1.1  %s  %s", h1.Where(), line1)
	t.Logf("HTTP/2    %s  %s", h2.Where(), line2)
}
