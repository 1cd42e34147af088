package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Work is a handler whose work takes d: a query, a call to another service. It contains nothing
// that has to do with concurrency. When the client goes away it stops (claim 3.6).
func Work(d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			fmt.Fprintf(w, "done after %s\n", d)
		case <-r.Context().Done():
		}
	})
}

// Span is what one request went through, in time since the start of the first.
type Span struct {
	Sent, Answered time.Duration // as its client sees it
	Began, Ended   time.Duration // as its handler sees it
}

// SlowThenFast sends one slow request and, while that is under way, one fast request after the
// other without waiting for the answers. protect goes around the handlers. The slow one is first
// in the result.
func SlowThenFast(ctx context.Context, slow, fast, pause time.Duration, fasts int, protect func(http.Handler) http.Handler) ([]Span, error) {
	spans := make([]Span, 1+fasts)
	errs := make([]error, 1+fasts)
	slowBegan := make(chan struct{})
	start := time.Now()

	srv := NewServer(protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.URL.Query().Get("i"))
		if err != nil || i < 0 || i > fasts {
			http.Error(w, "i must be the number of a request", http.StatusBadRequest)
			return
		}
		spans[i].Began = time.Since(start) // no lock: a place for each request, read when all are answered
		takes := fast
		if i == 0 {
			takes = slow
			close(slowBegan)
		}
		Work(takes).ServeHTTP(w, r)
		spans[i].Ended = time.Since(start)
	})))
	addr, err := Start(srv)
	if err != nil {
		return nil, err
	}
	defer srv.Close()

	client := Crowd((&net.Dialer{}).DialContext)
	var clients sync.WaitGroup
	for i := range spans {
		spans[i].Sent = time.Since(start)
		clients.Go(func() {
			_, errs[i] = Get(ctx, client, fmt.Sprintf("http://%s/?i=%d", addr, i))
			spans[i].Answered = time.Since(start)
		})
		if i == 0 {
			<-slowBegan // the slow one must be under way, or there is nothing to be held up by
		}
		time.Sleep(pause)
	}
	clients.Wait()
	return spans, errors.Join(errs...)
}

// Meeting lets a fixed number of goroutines wait for one another. With it an overlap is
// certain: whoever has come out of Wait knows that all the others had come in.
type Meeting struct {
	missing atomic.Int64
	all     chan struct{} // closed when nobody is missing
}

// NewMeeting returns a meeting of n.
func NewMeeting(n int) *Meeting {
	m := &Meeting{all: make(chan struct{})}
	m.missing.Store(int64(n))
	return m
}

// Wait returns when all have come, or with an error when ctx is done before that.
func (m *Meeting) Wait(ctx context.Context) error {
	if m.missing.Add(-1) == 0 {
		close(m.all)
	}
	select {
	case <-m.all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Together lets requests on to next only when n of them are there, so all n run next at once.
func Together(n int, next http.Handler) http.Handler {
	return &together{NewMeeting(n), next}
}

type together struct {
	meeting *Meeting
	next    http.Handler
}

func (t *together) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t.meeting.Wait(r.Context()) != nil {
		return // the client has gone: nobody to answer
	}
	t.next.ServeHTTP(w, r)
}
