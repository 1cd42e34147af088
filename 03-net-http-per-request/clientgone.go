package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Observing is a handler that does pieces of work and calls done after each. When
// the client's connection is closed, net/http cancels r.Context(), and the handler returns.
// (Over HTTP/1.x only once the body has been read, and if the client has sent nothing more.)
func Observing(pieces int, each time.Duration, done func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			select {
			case <-time.After(each):
				done()
			case <-r.Context().Done():
				return // pass r.Context() to slow calls, too
			}
		}
		fmt.Fprintln(w, "all done")
	})
}

// LeaveAfter sends a request to a handler that does pieces of work, and leaves
// after n of them, which must not be all. It returns how many pieces were done
// before and after that, and the error of the handler's context.
func LeaveAfter(ctx context.Context, n int, newHandler func(done func()) http.Handler) (before, after int, cause, err error) {
	visitor, leave := context.WithCancel(ctx)
	defer leave()
	worker := newHandler(func() {
		if visitor.Err() != nil {
			after++
			return
		}
		if before++; before == n {
			leave() // the client closes its connection
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
		return 0, 0, nil, fmt.Errorf("the client left: got the error %v, want %v", err, context.Canceled)
	}
	cause = <-ended // before reading what the handler counted
	return before, after, cause, nil
}
