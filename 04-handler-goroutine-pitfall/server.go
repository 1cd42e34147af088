package main

import (
	"net"
	"net/http"
	"time"
)

// NewServer returns a server for h with time limits, so that a slow or silent
// client cannot keep its goroutine forever.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
	}
}

// Start serves on a free port of the loopback interface, which only this machine
// can reach, and returns the URL.
func Start(srv *http.Server) (url string, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go srv.Serve(ln)
	return "http://" + ln.Addr().String(), nil
}
