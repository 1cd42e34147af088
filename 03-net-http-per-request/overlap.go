package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Work is a handler whose work takes d, such as a query. It returns early when the
// client leaves (claim 3.6).
func Work(d time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			fmt.Fprintf(w, "done after %s\n", d)
		case <-r.Context().Done():
		}
	})
}

// Span is the course of one request, in time since the start of the first one.
type Span struct {
	Sent, Answered time.Duration // as its client sees it
	Began, Ended   time.Duration // as its handler sees it
}

// SlowThenFast sends one slow request and, when its handler has begun, fast requests
// at intervals of pause. protect is put around the handlers. The slow request is
// the first in the result.
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
		spans[i].Began = time.Since(start) // no lock: an element for each request, read when all are answered
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
			<-slowBegan // or a fast request could begin before it
		}
		time.Sleep(pause)
	}
	clients.Wait()
	return spans, errors.Join(errs...)
}

// Meeting is a barrier: a point where n goroutines wait for one another. With it an overlap
// is certain: when Wait returns nil, all n have called it.
type Meeting struct {
	mu      sync.Mutex
	missing int           // guarded by mu
	all     chan struct{} // closed when none is missing
}

// NewMeeting returns a meeting of n.
func NewMeeting(n int) *Meeting {
	return &Meeting{missing: n, all: make(chan struct{})}
}

// Wait returns nil when n goroutines are in it. If ctx is done before that, Wait
// returns the context's error, and this goroutine does not count any more.
func (m *Meeting) Wait(ctx context.Context) error {
	m.mu.Lock()
	if m.missing--; m.missing == 0 {
		close(m.all)
	}
	m.mu.Unlock()
	select {
	case <-m.all:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.missing <= 0 { // complete just before
		return nil
	}
	m.missing++
	return ctx.Err()
}

// Together passes requests on to next when n of them are there, so that n run next
// concurrently.
func Together(n int, next http.Handler) http.Handler {
	return &together{NewMeeting(n), next}
}

type together struct {
	meeting *Meeting
	next    http.Handler
}

func (t *together) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t.meeting.Wait(r.Context()) != nil {
		return // the client has left
	}
	t.next.ServeHTTP(w, r)
}
