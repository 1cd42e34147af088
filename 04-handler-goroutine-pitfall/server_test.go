package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const ada = `{"name":"Ada Lovelace","email":"ada@example.com"}`

// post calls h with a sign-up, as a server does, and returns the response.
func post(h http.Handler, body string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/signups", strings.NewReader(body)))
	return w.Result()
}

// accepted posts n sign-ups and requires a 202 for each.
func accepted(t *testing.T, h http.Handler, n int) {
	t.Helper()
	for range n {
		if got := post(h, ada).StatusCode; got != http.StatusAccepted {
			t.Fatalf("got status %d, want 202", got)
		}
	}
}

// within calls f, which runs a child process or waits for one. If f does not return within a
// minute, or until shortly before go test's own time limit, within fails the test and says what
// f is: the time limit of go test names no reason.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	limit := time.Minute
	if deadline, ok := t.Deadline(); ok {
		limit = min(limit, time.Until(deadline)*3/4)
	}
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		f()
	}()
	select {
	case <-returned:
	case <-time.After(limit):
		t.Fatalf("%s did not return within %s", what, limit.Round(time.Second))
	}
}

// startChild is StartChild, which waits until the child serves.
func startChild(t *testing.T, role, mailServer string) (child *Child) {
	t.Helper()
	var err error
	within(t, "StartChild with the role "+role, func() { child, err = StartChild(role, mailServer) })
	if err != nil {
		t.Fatal(err)
	}
	return child
}

// Pipes is a listener, and the dial function for it, that need no network, so
// that a real http.Server and a real client can run in a synctest bubble.
type Pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func listen() *Pipes { return &Pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *Pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *Pipes) Addr() net.Addr { return new(net.UnixAddr) }

// Dial connects to the listener.
func (p *Pipes) Dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, errors.New("connection refused")
	}
}

// Post sends a sign-up on a connection of its own and returns the response's status.
func (p *Pipes) Post(t *testing.T) (status int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: p.Dial}}
	resp, err := client.Post("http://pipe/signups", "application/json", strings.NewReader(ada))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// TestSlowClientIsDisconnected sends a part of a request, or does not read the
// response, and expects the server to close the connection at its limit.
func TestSlowClientIsDisconnected(t *testing.T) {
	const request = "POST / HTTP/1.1\r\nHost: pipe\r\nContent-Length: 2\r\n\r\n"
	for _, client := range []struct {
		name, sends string
		reads       bool
		limit       time.Duration
	}{
		{"sends half a header", "POST / HTTP/1.1\r\n", true, 5 * time.Second},
		{"sends half a body", request + "a", true, 10 * time.Second},
		{"reads no response", request + "ab", false, 30 * time.Second},
		{"sends no second request", request + "ab", true, time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			web, pipes := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Write(make([]byte, 1<<20))
			})), listen()
			closed := make(chan time.Duration, 1)
			began := time.Now()
			web.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					closed <- time.Since(began)
				}
			}
			go web.Serve(pipes)
			conn, err := pipes.Dial(t.Context(), "", "")
			if err != nil {
				t.Fatal(err)
			}
			go io.WriteString(conn, client.sends)
			if client.reads {
				go io.Copy(io.Discard, conn)
			}
			select {
			case took := <-closed:
				if took < client.limit || took > client.limit+time.Second { // Go 1.27 waits 0.5 s for the client to close
					t.Errorf("a client that %s: the server closed the connection after %v, want %v", client.name, took, client.limit)
				}
			case <-time.After(time.Hour):
				t.Errorf("a client that %s: the connection is still open after an hour, want %v", client.name, client.limit)
			}
			conn.Close()
			web.Close()
		})
	}
}

// TestStartServesOnTheLoopbackInterfaceUntilClose looks at the address, and
// connects again after Close.
func TestStartServesOnTheLoopbackInterfaceUntilClose(t *testing.T) {
	srv := NewServer(http.NotFoundHandler())
	base, err := Start(srv)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil || !net.ParseIP(u.Hostname()).IsLoopback() {
		t.Errorf("got the URL %s, %v; want the address of a loopback interface", base, err)
	}
	if resp, err := http.Get(base); err != nil {
		t.Error(err)
	} else {
		resp.Body.Close()
	}
	onlyThere(t, u.Host)
	srv.Close()
	if conn, err := net.Dial("tcp", u.Host); err == nil {
		conn.Close()
		t.Error("the server accepts connections after Close")
	}
}

// onlyThere requires that addr is of the loopback interface, and that its port
// cannot be reached at another address of this machine.
func onlyThere(t *testing.T, addr string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host != "127.0.0.1" {
		t.Errorf("got the address %s, %v; want 127.0.0.1", addr, err)
	}
	if runtime.GOOS == "darwin" {
		return // macOS has no second loopback address
	}
	if conn, err := net.Dial("tcp", "127.0.0.2:"+port); err == nil {
		conn.Close()
		t.Error("the server can be reached at another address than 127.0.0.1")
	}
}
