package main

import (
	"context"
	"net"
	"net/http"
	"time"
)

// largestBody is how much a client may send with one request.
const largestBody = 64 << 10

// NewServer returns a server for h with limits on what a client can take from it. The zero
// http.Server has none: a client that connects and stays silent holds its goroutine for ever.
//
// It speaks HTTP/1.1 and, without certificates, HTTP/2. There is no WriteTimeout on purpose:
// it would cut every streamed response that lasts longer (claim 3.8).
func NewServer(h http.Handler) *http.Server {
	var speaks http.Protocols
	speaks.SetHTTP1(true)
	speaks.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           &limitBody{h},
		Protocols:         &speaks,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

type limitBody struct{ next http.Handler }

func (l *limitBody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	l.next.ServeHTTP(w, r)
}

// Start listens on a free port of the loopback interface, so that nobody outside this machine
// can reach it, and serves there in a goroutine of its own. It returns the address.
// The caller ends it with srv.Close or srv.Shutdown.
func Start(srv *http.Server) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go srv.Serve(ln)
	return ln.Addr().String(), nil
}

// DialOne returns a client that has one connection and never opens a second one. Usually the
// client decides how many it opens; here it must be known. Its user closes conn at the end. (The
// http.ClientConn that makes this simple is new in Go 1.26.)
func DialOne(ctx context.Context, addr string, http2 bool) (client *http.Client, conn *http.ClientConn, err error) {
	var speaks http.Protocols
	speaks.SetHTTP1(!http2)
	speaks.SetUnencryptedHTTP2(http2)
	conn, err = (&http.Transport{Protocols: &speaks}).NewClientConn(ctx, "http", addr)
	if err != nil {
		return nil, nil, err
	}
	return &http.Client{Transport: conn, Timeout: 10 * time.Second}, conn, nil
}
