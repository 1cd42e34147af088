package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// TwoHalves is a handler that sends the first half of its response, blocks until
// goOn is closed, and sends the second half.
func TwoHalves(goOn <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "first half")
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-goOn:
			fmt.Fprintln(w, "second half")
		case <-r.Context().Done():
		}
	})
}

// Drain stops srv: it accepts no new connections and waits for the requests in
// flight. After the deadline it closes their connections and returns an error,
// since one stuck handler must not keep the process from ending.
func Drain(srv *http.Server, deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := srv.Shutdown(ctx) // waits for requests in flight
	if err != nil {
		err = errors.Join(fmt.Errorf("busy after %s: %w", deadline, err), srv.Close())
	}
	return err
}

// CutOff is wrong as the first step: Close closes every connection, also in the
// middle of a response. Call it after Shutdown's deadline.
func CutOff(srv *http.Server) error {
	return srv.Close()
}
