package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Listening is a handler that does pieces of work, each of which takes some time, and listens
// to its request's context meanwhile. net/http cancels that context as soon as it notices that
// the client's connection is gone (of a network that just falls silent it hears late): then the
// rest of the work would be for nobody, so it stops. It calls done after each piece.
func Listening(pieces int, each time.Duration, done func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			select {
			case <-time.After(each):
				done()
			case <-r.Context().Done():
				return // and pass r.Context() to every slow call
			}
		}
		fmt.Fprintln(w, "all done")
	})
}

// LeaveAfter sends a request to a handler that does pieces of work, and goes away when it has done
// n of them, which must not be the last. It returns how many were done before and after that,
// and what the handler's context says at the end.
func LeaveAfter(ctx context.Context, n int, newHandler func(done func()) http.Handler) (before, after int, cause, err error) {
	visitor, leave := context.WithCancel(ctx)
	defer leave()
	worker := newHandler(func() {
		if visitor.Err() != nil {
			after++
			return
		}
		if before++; before == n {
			leave() // the client breaks off its request, and its connection with it
		}
	})
	ended := make(chan error, 1)
	srv := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		worker.ServeHTTP(w, r)
		<-r.Context().Done()
		ended <- r.Context().Err()
	}))
	addr, err := Start(srv)
	if err != nil {
		return 0, 0, nil, err
	}
	defer srv.Close()
	if _, err := Get(visitor, Crowd((&net.Dialer{}).DialContext), "http://"+addr); !errors.Is(err, context.Canceled) {
		return 0, 0, nil, fmt.Errorf("the client should have left early: %w", err)
	}
	cause = <-ended // before reading what the handler counted
	return before, after, cause, nil
}
