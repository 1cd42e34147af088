package main

import (
	"errors"
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
		WriteTimeout:      time.Minute,
		IdleTimeout:       time.Minute,
	}
	go srv.Serve(listener)
	return srv, "http://" + listener.Addr().String(), nil
}

// get sends a request and returns when the response has arrived. A status other
// than 200 is an error.
func get(url string) error {
	response, err := http.Get(url)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return errors.Join(err, response.Body.Close())
}
