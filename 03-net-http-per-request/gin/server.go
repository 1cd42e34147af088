package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// limitBody limits what a client can send with one request.
type limitBody struct{ next http.Handler }

func (l *limitBody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	l.next.ServeHTTP(w, r)
}

// Start serves h on a free port of the loopback interface, until srv.Close.
func Start(h http.Handler) (srv *http.Server, url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	srv = &http.Server{
		Handler:           &limitBody{h},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute, // cuts a stream off; a server with streams has 0, and a deadline for each write, as in 07-offload/web.go
		IdleTimeout:       time.Minute,
	}
	go srv.Serve(listener)
	return srv, "http://" + listener.Addr().String(), nil
}

var client = &http.Client{Timeout: time.Minute}

// get sends a request and returns when the response has arrived. A status other
// than 200 is an error.
func get(url string) error {
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = errors.Join(err, errors.New(response.Status))
	}
	return err
}
