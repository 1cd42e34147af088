package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Service is the other service of the demo. It counts its connections.
type Service struct {
	Hangs       bool // it does not answer; the handler returns when the client disconnects
	Connections atomic.Int64
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Hangs {
		<-r.Context().Done()
		return
	}
	io.WriteString(w, `{"known":true}`)
}

// Server returns a server for the service.
func (s *Service) Server() *http.Server {
	srv := NewServer(s)
	srv.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.Connections.Add(1)
		}
	}
	return srv
}

// Leftovers is a transport that keeps the open bodies of its responses, so that
// the demo can close what wrong code left open.
type Leftovers struct {
	*http.Transport
	mu     sync.Mutex
	bodies map[*body]bool // guarded by mu: those that are open
}

// A body removes itself from its leftovers when it is closed.
type body struct {
	io.ReadCloser
	from *Leftovers
}

func (b *body) Close() error {
	b.from.mu.Lock()
	delete(b.from.bodies, b)
	b.from.mu.Unlock()
	return b.ReadCloser.Close()
}

// NewLeftovers returns a transport that sends requests with t.
func NewLeftovers(t *http.Transport) *Leftovers {
	return &Leftovers{Transport: t, bodies: make(map[*body]bool)}
}

func (l *Leftovers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.Transport.RoundTrip(r)
	if err == nil {
		b := &body{resp.Body, l}
		l.mu.Lock()
		l.bodies[b] = true
		l.mu.Unlock()
		resp.Body = b
	}
	return resp, err
}

// Open returns the open bodies.
func (l *Leftovers) Open() []*body {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.bodies))
}

// Close closes all bodies and idle connections.
func (l *Leftovers) Close() {
	for _, b := range l.Open() {
		b.Close()
	}
	l.CloseIdleConnections()
}

func connectionGoroutines() int {
	return Inside("(*persistConn).readLoop") + Inside("(*persistConn).writeLoop")
}

// callTenTimes calls a new service ten times. It returns how many connections that
// opened, and how many goroutines serve them then and after CloseIdleConnections.
func callTenTimes(call func(client *http.Client, url string)) (connections int64, goroutines [2]int) {
	http.DefaultClient.CloseIdleConnections()
	until(func() bool { return connectionGoroutines() == 0 }) // of the sections before
	service, transport := new(Service), NewLeftovers(new(http.Transport))
	srv := service.Server()
	url, err := Start(srv)
	check(err)
	for range 10 {
		call(&http.Client{Transport: transport}, url)
	}
	goroutines[0] = connectionGoroutines()
	transport.CloseIdleConnections()
	until(func() bool { return connectionGoroutines() <= 2*len(transport.Open()) })
	goroutines[1] = connectionGoroutines()
	transport.Close()
	until(func() bool { return connectionGoroutines() == 0 })
	srv.Close()
	return service.Connections.Load(), goroutines
}

// callSilentService calls a service that never answers: with a timeout, with a
// context that is canceled, as that of a request whose client disconnects, and without
// either.
func callSilentService(timeout time.Duration) (byTimeout, byRequest string, blocked int) {
	service := &Service{Hangs: true}
	srv := service.Server()
	url, err := Start(srv)
	check(err)
	returned := make(chan struct{})
	go func() {
		VerifyUnclosed(http.DefaultClient, url)
		close(returned)
	}()
	until(func() bool { return service.Connections.Load() == 1 })

	began := time.Now()
	_, err = Verify(context.Background(), &http.Client{Timeout: timeout}, url)
	byTimeout = fmt.Sprintf("after %s: %s", short(time.Since(began)), reason(err))
	request, disconnect := context.WithCancel(context.Background())
	time.AfterFunc(timeout, disconnect)
	_, err = Verify(request, http.DefaultClient, url)
	byRequest = "when the client disconnects: " + reason(err)
	blocked = Inside("VerifyUnclosed")
	srv.Close()
	<-returned
	return byTimeout, byRequest, blocked
}

// reason returns the error without the URL and without what Client.Timeout adds.
func reason(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	why, _, _ := strings.Cut(fmt.Sprint(err), " (")
	return why
}
