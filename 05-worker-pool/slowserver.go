package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// A SlowServer answers every call after a while, as a payment service or a
// database elsewhere does.
type SlowServer struct {
	server http.Server
	client http.Client
	url    string
}

// StartSlowServer starts a server on a free port of this computer. It answers after d.
func StartSlowServer(d time.Duration) (*SlowServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := newSlowServer(d)
	s.url = "http://" + listener.Addr().String()
	go s.server.Serve(listener)
	return s, nil
}

// newSlowServer returns a server that is not started. A client that sends too
// slowly, does not read, or is idle loses its connection.
func newSlowServer(d time.Duration) *SlowServer {
	answer := func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			fmt.Fprintln(w, "done")
		case <-r.Context().Done():
		}
	}
	s := new(SlowServer)
	s.server = http.Server{
		Handler:           http.MaxBytesHandler(http.HandlerFunc(answer), 1<<10),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      d + 10*time.Second,
		IdleTimeout:       time.Minute,
	}
	// By default a client keeps only 2 idle connections to a server. With more
	// workers than that, nearly every call would have to make a new connection.
	s.client.Transport = &http.Transport{MaxIdleConnsPerHost: 100}
	return s
}

// Call sends a request and reads the response.
func (s *SlowServer) Call(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body) // all of it, otherwise the connection is not reused
	return err
}

// Close ends the server and all connections to it.
func (s *SlowServer) Close() { s.server.Close() }
