package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Lasting ends the handlers that last: streams and hijacked connections. Shutdown
// would wait for the streams until its deadline, and neither closes hijacked
// connections nor waits for their handlers.
type Lasting struct {
	stopping context.Context // canceled when Shutdown begins
	every    context.Context // the parent of every request's context; canceled after the deadline
	stop     context.CancelFunc
	cancel   context.CancelFunc
	running  sync.WaitGroup // the handlers that last

	mu     sync.Mutex
	closed bool // guarded by mu; true once Drain waits: no handler may begin then
}

// AddLasting prepares srv, before it serves. A function that is registered with
// RegisterOnShutdown runs when Shutdown begins. BaseContext is the parent of all requests'
// contexts: to cancel it when Shutdown begins would also cancel the requests that Shutdown
// waits for.
func AddLasting(srv *http.Server) *Lasting {
	l := new(Lasting)
	l.stopping, l.stop = context.WithCancel(context.Background())
	l.every, l.cancel = context.WithCancel(context.Background())
	srv.RegisterOnShutdown(l.stop)
	srv.BaseContext = func(net.Listener) context.Context { return l.every }
	return l
}

// Handler returns h with a context that is also canceled when Shutdown begins. h
// must return then. A request that comes when Drain already waits gets 503.
func (l *Lasting) Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.begin() {
			http.Error(w, "shutting down", http.StatusServiceUnavailable)
			return
		}
		defer l.running.Done()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(l.stopping, cancel)()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// begin counts a handler, unless Drain waits: Add must not raise the counter from 0 while
// Wait runs.
func (l *Lasting) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.running.Add(1)
	}
	return !l.closed
}

// Drain is the chapter's Drain, and then waits for the handlers that last, again up
// to the deadline. After a deadline it cancels the context of every handler and
// returns an error.
func (l *Lasting) Drain(srv *http.Server, deadline time.Duration) error {
	err := Drain(srv, deadline)
	if err != nil {
		l.cancel()
	}
	l.mu.Lock()
	l.closed = true // after its deadline, Shutdown has not waited for all requests
	l.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		l.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(deadline):
		l.cancel()
		err = errors.Join(err, fmt.Errorf("a handler still runs %s later", deadline))
	}
	return err
}

// Echo takes the connection over with Hijack and returns each line that it reads,
// as a handler for WebSocket does with messages. The server no longer notices
// when the client leaves, and no longer closes the connection. net/http has removed
// its own deadlines: set others if a silent client must not stay.
func Echo(w http.ResponseWriter, r *http.Request) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2 has no hijacking
		http.Error(w, "this needs HTTP/1.1", http.StatusNotImplemented)
		return
	}
	defer conn.Close()
	// A read does not observe a context. Close ends it.
	defer context.AfterFunc(r.Context(), func() { conn.Close() })()
	fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	for {
		line, err := buffered.ReadString('\n')
		if err != nil {
			return
		}
		fmt.Fprint(conn, line)
	}
}
