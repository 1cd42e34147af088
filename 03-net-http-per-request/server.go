package main

import (
	"context"
	"net"
	"net/http"
	"time"
)

const maxBody = 64 << 10

// NewServer returns a server for h that speaks HTTP/1.1 and, without certificates,
// HTTP/2. Unlike the zero http.Server it has limits: without them a client that
// connects and stays silent keeps a goroutine blocked forever. It has no
// WriteTimeout, because that would cut off every longer stream (claim 3.8).
func NewServer(h http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           &limitBody{h},
		Protocols:         &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

type limitBody struct{ next http.Handler }

func (l *limitBody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	l.next.ServeHTTP(w, r)
}

// Start serves on a free port of the loopback interface, which other machines
// cannot reach, and returns the address.
func Start(srv *http.Server) (addr string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go srv.Serve(ln)
	return ln.Addr().String(), nil
}

// DialOne returns a client with exactly one connection, which the caller closes.
func DialOne(ctx context.Context, addr string, http2 bool) (client *http.Client, conn *http.ClientConn, err error) {
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	conn, err = (&http.Transport{Protocols: &protocols}).NewClientConn(ctx, "http", addr)
	if err != nil {
		return nil, nil, err
	}
	return &http.Client{Transport: conn}, conn, nil
}
