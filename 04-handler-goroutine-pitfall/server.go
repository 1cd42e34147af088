package main

import (
	"net"
	"net/http"
	"time"
)

// NewServer returns a server for h with limits on what a client can take from it.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

// Start listens on a free port of the loopback interface, so that nobody
// outside this machine can reach it, and serves there in a goroutine of its own.
// It returns the address to send requests to. Shutdown or Close ends it.
func Start(srv *http.Server) (url string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go srv.Serve(ln)
	return "http://" + ln.Addr().String(), nil
}
