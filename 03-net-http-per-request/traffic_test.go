package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const many = 1000

// TestThousandClientsWaitAsLongAsOne measures it in fake time, with a server and
// clients over connections in memory (claim 3.3).
func TestThousandClientsWaitAsLongAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 50 * time.Millisecond
		srv, pipes := serveInBubble(Work(takes))
		start := time.Now()
		if err := Visit(t.Context(), Crowd(pipes.Dial), "http://pipe", many); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != takes {
			t.Errorf("%d clients of a handler that waits %s were answered after %s; want %s, since they do not wait for one another", many, takes, took, takes)
		}
		srv.Close()
	})
}

// TestThousandHandlersRunConcurrently on real sockets: no handler returns before all
// of them run (claim 3.3).
func TestThousandHandlersRunConcurrently(t *testing.T) {
	url := serve(t, Together(many, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	visited := async(func() error { return Visit(t.Context(), newClients(), url, many) })
	if err := within(t, visited, "1,000 handlers run at the same time"); err != nil {
		t.Error(err)
	}
}

// TestCrowdDialsAtMost64AtTheSameTime, and stops waiting when its context is done.
func TestCrowdDialsAtMost64AtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dialing, most atomic.Int64
		refused := errors.New("refused")
		client := Crowd(func(context.Context, string, string) (net.Conn, error) {
			most.Store(max(most.Load(), dialing.Add(1)))
			defer dialing.Add(-1)
			time.Sleep(time.Second)
			return nil, refused
		})
		start := time.Now()
		err := Visit(t.Context(), client, "http://pipe", 129)
		if took := time.Since(start); most.Load() != 64 || took != 3*time.Second || !errors.Is(err, refused) || !strings.Contains(err.Error(), "129 of 129") {
			t.Errorf("129 dials of 1s each: %d at the same time, all done after %s, error %v; want 64, 3s, and the error of all", most.Load(), took, err)
		}
		go Visit(t.Context(), client, "http://pipe", 64)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start = time.Now()
		if Get(ctx, client, "http://pipe"); time.Since(start) != time.Millisecond {
			t.Errorf("a request with a context of 1ms returned after %s", time.Since(start))
		}
		time.Sleep(time.Minute)
	})
}

// TestGetRefusesOtherStatuses, and Send passes the method and the body on.
func TestGetRefusesOtherStatuses(t *testing.T) {
	for _, status := range []int{http.StatusCreated, http.StatusTeapot} {
		url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			content, _ := io.ReadAll(r.Body)
			http.Error(w, r.Method+" "+string(content), status)
		}))
		body, err := Send(t.Context(), newClients(), "PUT", url, strings.NewReader("tea"))
		if body != "PUT tea\n" || err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) || !strings.Contains(err.Error(), body) {
			t.Errorf("got %q, %v; want the body, and the status %d with the body as an error", body, err, status)
		}
	}
}

// TestGetReturnsTheWholeBody, or an error if the connection is closed before that.
func TestGetReturnsTheWholeBody(t *testing.T) {
	text := strings.Repeat("x", 1<<20)
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, text)
		if r.URL.Path == "/half" {
			panic(http.ErrAbortHandler)
		}
	}))
	if body, err := Get(t.Context(), newClients(), url); body != text || err != nil {
		t.Errorf("got %d bytes, %v; want all %d bytes of the body", len(body), err, len(text))
	}
	if body, err := Get(t.Context(), newClients(), url+"/half"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the connection was closed before the end: got %d bytes, %v; want %v", len(body), err, io.ErrUnexpectedEOF)
	}
}

// TestVisitSaysHowManyFailed of its requests.
func TestVisitSaysHowManyFailed(t *testing.T) {
	var asked atomic.Int64
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= 2 {
			http.Error(w, "full", http.StatusServiceUnavailable)
		}
	}))
	if err := Visit(t.Context(), newClients(), url, 5); err == nil || !strings.HasPrefix(err.Error(), "2 of 5 requests failed, one with: 503 ") || asked.Load() != 5 {
		t.Errorf("%d requests were sent, got %v; want that 2 of 5 failed with 503", asked.Load(), err)
	}
}

// TestCrowdOpensAConnectionForEachRequest: on HTTP/1.1 each connection has another
// goroutine.
func TestCrowdOpensAConnectionForEachRequest(t *testing.T) {
	goroutines := make(map[string]bool)
	url, client := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		me, _ := Self()
		io.WriteString(w, me.Goroutine)
	})), newClients()
	for range 3 {
		goroutine, err := Get(t.Context(), client, url)
		if err != nil {
			t.Fatal(err)
		}
		goroutines[goroutine] = true
	}
	if len(goroutines) != 3 {
		t.Errorf("3 requests ran in %d goroutines, want 3", len(goroutines))
	}
}
