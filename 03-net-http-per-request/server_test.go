package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// serve starts a server for h that ends with the test, and returns its URL. It has
// no time limits, which a busy machine could exceed.
func serve(t *testing.T, h http.Handler) (url string) {
	t.Helper()
	srv := NewServer(h)
	srv.ReadHeaderTimeout, srv.ReadTimeout = 0, 0
	addr, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	return "http://" + addr
}

// newClients returns a client that opens a connection for each request.
func newClients() *http.Client { return Crowd((&net.Dialer{}).DialContext) }

// longest returns for how long a test waits for an event: most of the time that go test
// leaves it, so that a busy machine cannot fail it.
func longest(t *testing.T) time.Duration {
	if deadline, ok := t.Deadline(); ok {
		return time.Until(deadline) * 3 / 4
	}
	return time.Hour
}

// within returns the next value of event. If there is none until shortly before go
// test's own timeout, it fails the test.
func within[T any](t *testing.T, event <-chan T, what string) (v T) {
	t.Helper()
	limit := longest(t)
	select {
	case v = <-event:
	case <-time.After(limit):
		t.Fatalf("did not happen within %s: %s", limit.Round(time.Second), what)
	}
	return v
}

// async runs f in a goroutine and returns the channel on which its error comes.
func async(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	return result
}

// Pipes is a network in memory, for tests in fake time. The clock of a synctest
// bubble advances when all of its goroutines are durably blocked: on a channel they
// are, on a socket they are not.
type Pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *Pipes {
	return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial returns the client's end of a new connection.
func (p *Pipes) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr make it a net.Listener.
func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case server := <-p.conns:
		return server, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *Pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *Pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// serveInBubble starts a server for h on a network in memory. The caller closes it.
func serveInBubble(h http.Handler) (*http.Server, *Pipes) {
	srv, pipes := NewServer(h), newPipes()
	go srv.Serve(pipes)
	return srv, pipes
}

// TestBodyOverTheLimitIsRefused sends one byte more than a body may have.
func TestBodyOverTheLimitIsRefused(t *testing.T) {
	for _, test := range []struct {
		bytes int
		fails bool
	}{{maxBody, false}, {maxBody + 1, true}} {
		var err error
		h := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, err = io.ReadAll(r.Body) })).Handler
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(strings.Repeat("x", test.bytes))))
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge != test.fails {
			t.Errorf("a body of %d bytes: the handler's read returns %v; the limit is %d", test.bytes, err, maxBody)
		}
	}
}

// TestSilentClientIsDisconnected: a client that sends nothing, half a header or half
// a body, and one that keeps an idle connection, each by its own limit.
func TestSilentClientIsDisconnected(t *testing.T) {
	for _, client := range []struct {
		sends string
		limit time.Duration
	}{
		{"", 10 * time.Second},
		{"GET / HT", 10 * time.Second},
		{"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf", 30 * time.Second},
		{"GET / HTTP/1.1\r\nHost: here\r\n\r\n", time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			srv, pipes := serveInBubble(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
			defer srv.Close()
			conn, err := pipes.Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			start, closed := time.Now(), make(chan struct{})
			go func() { io.Copy(io.Discard, conn); close(closed) }()
			fmt.Fprint(conn, client.sends)
			select {
			case <-closed:
				if took := time.Since(start); took < client.limit || took > client.limit+time.Second { // Go 1.27 waits 0.5 s for the client to close
					t.Errorf("a client that sends %q was disconnected after %s, want %s", client.sends, took, client.limit)
				}
			case <-time.After(2 * time.Hour): // fake time
				t.Errorf("a client that sends %q is still connected after two hours", client.sends)
			}
			conn.Close()
		})
	}
}

// TestLongStreamIsNotCutOff: the server's limits do not end a stream of six hours
// (claim 3.8).
func TestLongStreamIsNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, pipes := serveInBubble(Stream(3, 2*time.Hour))
		defer srv.Close()
		if events, err := Follow(t.Context(), Crowd(pipes.Dial), "http://pipe"); len(events) != 3 || err != nil {
			t.Errorf("got %d events and the error %v, want 3 events", len(events), err)
		}
	})
}

// TestStartServesOnOneLoopbackAddress, and not on the others of this machine.
func TestStartServesOnOneLoopbackAddress(t *testing.T) {
	addr := strings.TrimPrefix(serve(t, http.NotFoundHandler()), "http://")
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "127.0.0.1" {
		t.Errorf("got the address %s, %v; want 127.0.0.1", addr, err)
	}
	if runtime.GOOS == "darwin" {
		t.Skip("needs a second loopback address, which macOS does not have")
	}
	if conn, err := net.Dial("tcp", "127.0.0.2:"+port); err == nil {
		conn.Close()
		t.Error("the server can be reached at another address than 127.0.0.1")
	}
}

// TestServerSpeaksBothProtocols sends a request with each.
func TestServerSpeaksBothProtocols(t *testing.T) {
	url := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto, " from ", r.RemoteAddr) }))
	for http2, want := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		client, conn, err := DialOne(t.Context(), strings.TrimPrefix(url, "http://"), http2)
		if err != nil {
			t.Fatal(err)
		}
		first, err1 := Get(t.Context(), client, url)
		second, err2 := Get(t.Context(), client, url)
		if err := errors.Join(err1, err2); err != nil || !strings.HasPrefix(first, want+" from 127.0.0.1:") || first != second {
			t.Errorf("got %q, %q, %v; want two responses in %s on one connection", first, second, err, want)
		}
		conn.Close()
		if _, err := Get(t.Context(), client, url); err == nil {
			t.Errorf("%s: the connection is closed, and a request got a response on another one", want)
		}
	}
}
