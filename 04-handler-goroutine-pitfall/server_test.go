package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const ada = `{"name":"Ada Lovelace","email":"ada@example.com"}`

// post gives h a request with the body, as a server would, and returns the answer.
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
			t.Fatalf("the client is told %d, and should be told 202", got)
		}
	}
}

// Pipes is a listener and its dialler that need no network, so that a real
// http.Server and a real client can run in a synctest bubble.
type Pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func listen() *Pipes { return &Pipes{make(chan net.Conn), make(chan struct{})} }

func (p *Pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *Pipes) Close() error   { close(p.closed); return nil }
func (p *Pipes) Addr() net.Addr { return new(net.UnixAddr) }

// Post sends a sign-up on a connection of its own and returns the answer's status.
func (p *Pipes) Post(t *testing.T) (status int) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			select {
			case p.conns <- there:
				return here, nil
			case <-p.closed:
				return nil, errors.New("connection refused")
			}
		},
	}}
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
