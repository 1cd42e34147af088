package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// followInBubble has clients follow a stream of 4 events, one every 100 ms, in fake
// time. It calls check for each event, and returns how long all of it took.
func followInBubble(t *testing.T, stream http.Handler, clients int, check func(i int, written, read time.Duration)) time.Duration {
	srv, pipes := serveInBubble(stream)
	client := Crowd(pipes.Dial)
	start := time.Now()
	all := make([][]Event, clients)
	var following sync.WaitGroup
	for c := range clients {
		following.Go(func() {
			var err error
			if all[c], err = Follow(t.Context(), client, "http://pipe"); err != nil {
				t.Error(err)
			}
		})
	}
	following.Wait()
	took := time.Since(start)
	srv.Close()
	for _, events := range all {
		if len(events) != 4 {
			t.Fatalf("a client got %d events, want 4", len(events))
		}
		for i, event := range events {
			check(i, event.Written.Sub(start), event.Read.Sub(start))
		}
	}
	return took
}

// TestEventsArriveWhileHandlersRun: 50 clients read each event in the instant in
// which it is written, long before the handlers return (claim 3.8).
func TestEventsArriveWhileHandlersRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Millisecond
		took := followInBubble(t, Stream(4, every), 50, func(i int, written, read time.Duration) {
			if want := time.Duration(i) * every; written != want || read != want {
				t.Errorf("event %d was written at %s and read at %s, want both at %s", i, written, read, want)
			}
		})
		if took != 4*every {
			t.Errorf("50 concurrent handlers took %s, want %s", took, 4*every)
		}
	})
}

// TestWithoutFlushEventsArriveWhenTheHandlerReturns, and not before (negative
// control of 3.8).
func TestWithoutFlushEventsArriveWhenTheHandlerReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Millisecond
		followInBubble(t, Unflushed(4, every), 50, func(i int, written, read time.Duration) {
			if want := time.Duration(i) * every; written != want {
				t.Errorf("event %d was written at %s, want %s", i, written, want)
			}
			if read != 4*every {
				t.Errorf("without Flush, event %d was read at %s; want %s, when the handler returns", i, read, 4*every)
			}
		})
	})
}

// TestWithoutFlushEventsArriveWhenTheBufferIsFull: many small events, in fake time.
func TestWithoutFlushEventsArriveWhenTheBufferIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := serveInBubble(Unflushed(1000, time.Second))
		defer srv.Close()
		events, err := Follow(t.Context(), Crowd(pipes.Dial), "http://pipe")
		if len(events) != 1000 || err != nil {
			t.Fatalf("got %d events, %v; want 1000", len(events), err)
		}
		first := events[0]
		if waited, all := first.Read.Sub(first.Written), events[999].Written.Sub(first.Written); waited < 10*time.Second || waited > all/2 {
			t.Errorf("the first event was read after %s; want it when the buffer was full, long before the last one was written after %s", waited, all)
		}
	})
}

// TestFirstEventArrivesOnRealConnections: each of 20 clients reads its first event of
// a handler that takes two hours (claim 3.8).
func TestFirstEventArrivesOnRealConnections(t *testing.T) {
	url, client := serve(t, Stream(2, time.Hour)), newClients()
	for range 20 {
		first := async(func() error {
			resp, err := client.Get(url)
			if err != nil {
				return err
			}
			defer resp.Body.Close() // the client leaves, so the handler returns
			_, err = bufio.NewReader(resp.Body).ReadString('\n')
			return err
		})
		if err := within(t, first, "the first event arrives while the handler runs"); err != nil {
			t.Error(err)
		}
	}
}

// TestStreamEndsWhenTheClientLeaves: otherwise the handler would run until its last
// event.
func TestStreamEndsWhenTheClientLeaves(t *testing.T) {
	for _, stream := range []http.Handler{Stream(2, time.Hour), Unflushed(2, time.Hour)} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			stream.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(ctx))
			if ran := time.Since(start); ran != time.Minute {
				t.Errorf("the client left after 1m0s, and the handler returned after %s", ran)
			}
		})
	}
}

// TestHeadRequestGetsOnlyTheHeaderOfAStream: with HTTP/1.1 its client has a complete response then,
// and sends the next request on the same connection (claims 3.8 and 3.14).
func TestHeadRequestGetsOnlyTheHeaderOfAStream(t *testing.T) {
	hub := NewHub(4)
	t.Run("Stream", func(t *testing.T) { headThenNextRequest(t, Stream(2, time.Hour), func() {}) })
	t.Run("Hub", func(t *testing.T) { headThenNextRequest(t, hub, hub.Close) })
}

func headThenNextRequest(t *testing.T, stream http.Handler, end func()) {
	synctest.Test(t, func(t *testing.T) {
		mux := http.NewServeMux()
		mux.Handle("GET /events", stream) // and HEAD
		mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
		srv, pipes := serveInBubble(mux)
		defer srv.Close()
		defer end()
		client := &http.Client{Transport: &http.Transport{DialContext: pipes.Dial, MaxConnsPerHost: 1}, Timeout: time.Minute}
		head, err := client.Head("http://pipe/events")
		if err != nil || head.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("HEAD got %v, %v; want the header of a stream", head, err)
		}
		if _, err := Get(t.Context(), client, "http://pipe/health"); err != nil {
			t.Errorf("the next request on the connection got %v; the stream's handler still runs", err)
		}
	})
}

// TestStreamEndsWhenFlushFails: the client has left, and the handler does not wait for the
// time of the next event.
func TestStreamEndsWhenFlushFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, rec := time.Now(), httptest.NewRecorder()
		Stream(2, time.Hour).ServeHTTP(brokenPipe{rec}, httptest.NewRequest("GET", "/", nil))
		if ran := time.Since(start); ran != 0 {
			t.Errorf("Flush returned an error, and the handler returned %s later with %q; want it to return immediately", ran, rec.Body)
		}
	})
}

// brokenPipe is a response whose connection is closed.
type brokenPipe struct{ http.ResponseWriter }

func (brokenPipe) FlushError() error { return io.ErrClosedPipe }

// TestStreamHasTheFormOfServerSentEvents: a line with the data, then an empty line.
func TestStreamHasTheFormOfServerSentEvents(t *testing.T) {
	for _, stream := range []http.Handler{Stream(2, 0), Unflushed(2, 0)} {
		rec := httptest.NewRecorder()
		stream.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
		form := regexp.MustCompile(`^(data: \S+\n\n){2}$`)
		if contentType := rec.Header().Get("Content-Type"); contentType != "text/event-stream" || !form.MatchString(rec.Body.String()) {
			t.Errorf("got %s %q; want text/event-stream and two events", contentType, rec.Body)
		}
	}
}

// TestFollowReportsAStreamThatWasCutOff, an event without a time, and any status but 200.
func TestFollowReportsAStreamThatWasCutOff(t *testing.T) {
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/404" {
			http.NotFound(w, r)
			return
		}
		if r.URL.Path == "/words" {
			io.WriteString(w, "data: no time\n\n")
			return
		}
		Stream(1, 0).ServeHTTP(w, r)
		panic(http.ErrAbortHandler)
	}))
	if events, err := Follow(t.Context(), newClients(), url); len(events) != 1 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %d events and the error %v, want 1 and %v", len(events), err, io.ErrUnexpectedEOF)
	}
	if _, err := Follow(t.Context(), newClients(), url+"/404"); err == nil {
		t.Error("a response with status 404 passed for a stream")
	}
	if _, err := Follow(t.Context(), newClients(), url+"/words"); err == nil {
		t.Error("an event without a time passed for one of a stream")
	}
}
