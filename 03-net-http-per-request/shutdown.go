package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// TwoHalves is a handler in the middle of its answer: it sends the first half, waits until goOn is
// closed, and sends the second half.
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

// Drain stops srv: no new connections, but the requests under way are answered. After the
// deadline it cuts off what is still there, or a single stuck handler could keep the process
// from ever ending; it says so in its error.
func Drain(srv *http.Server, deadline time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		err = fmt.Errorf("busy after %s: %w", deadline, err)
		return errors.Join(err, srv.Close())
	}
	return nil
}

// CutOff is WRONG as the way to stop a server: Close drops every connection at once, in the
// middle of an answer too. It is right only after Shutdown ran out of time.
func CutOff(srv *http.Server) error {
	return srv.Close()
}
