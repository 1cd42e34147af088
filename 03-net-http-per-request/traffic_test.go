package main

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

const many = 1000

// TestThousandClientsWaitAsLongAsOne measures it exactly, with a real server and real clients over
// connections in memory, in fake time: all clients of a 50 ms handler together take 50 ms (claim 3.3).
func TestThousandClientsWaitAsLongAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 50 * time.Millisecond
		srv, pipes := serveInBubble(Work(takes))
		start := time.Now()
		if err := Visit(t.Context(), Crowd(pipes.Dial), "http://pipe", many); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != takes {
			t.Errorf("%d clients of a handler that waits %s should all be answered after %s, not %s: they waited for one another", many, takes, takes, took)
		}
		srv.Close()
	})
}

// TestThousandRequestsAreUnderWayAtOnce checks the overlap on real sockets (claim 3.3): no handler
// ends before all of them have begun.
func TestThousandRequestsAreUnderWayAtOnce(t *testing.T) {
	url := serve(t, Together(many, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Visit(ctx, newClients(), url, many); err != nil {
		t.Errorf("%d requests should all be under way at once: %v", many, err)
	}
}
