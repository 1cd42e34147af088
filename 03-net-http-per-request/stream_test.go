package main

import (
	"bufio"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// followInBubble lets clients follow a stream of 4 events, one every 100 ms, in fake time. It
// calls check for each event with its number, and returns how long all of it took.
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
			t.Fatalf("a client should get 4 events, not %d", len(events))
		}
		for i, event := range events {
			check(i, event.Written.Sub(start), event.Read.Sub(start))
		}
	}
	return took
}

// TestEventsArriveWhileHandlersRun: 50 clients get each event in the instant in which it is written, and
// the handlers run on for long after the first one (claim 3.8).
func TestEventsArriveWhileHandlersRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Millisecond
		took := followInBubble(t, Stream(4, every), 50, func(i int, written, read time.Duration) {
			if want := time.Duration(i) * every; written != want || read != want {
				t.Errorf("event %d should be written and read at %s, but was written at %s and read at %s", i, want, written, read)
			}
		})
		if took != 4*every {
			t.Errorf("50 handlers at the same time should take as long as one, %s, not %s", 4*every, took)
		}
	})
}

// TestWithoutFlushNothingArrivesBeforeTheEnd: the clients read the first event in the instant in which
// the handlers end, and not before (negative control of 3.8).
func TestWithoutFlushNothingArrivesBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const every = 100 * time.Millisecond
		followInBubble(t, Unflushed(4, every), 50, func(i int, written, read time.Duration) {
			if want := time.Duration(i) * every; written != want {
				t.Errorf("event %d should be written at %s, not at %s", i, want, written)
			}
			if read != 4*every {
				t.Errorf("without Flush, event %d should be read when the handler ends, at %s, but was read at %s: something flushes", i, 4*every, read)
			}
		})
	})
}

// TestFirstEventArrivesOnRealConnections: each of 20 clients reads its first event from a handler that
// would take two hours (claim 3.8).
func TestFirstEventArrivesOnRealConnections(t *testing.T) {
	url, client := serve(t, Stream(2, time.Hour)), newClients()
	client.Timeout = patience
	var following sync.WaitGroup
	for range 20 {
		following.Go(func() {
			resp, err := client.Get(url)
			if err != nil {
				t.Error("the first event should arrive while the handler runs: ", err)
				return
			}
			defer resp.Body.Close() // the client leaves, so the handler ends
			if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
				t.Errorf("the first event should arrive while the handler runs, but got %q, %v", line, err)
			}
		})
	}
	following.Wait()
}
