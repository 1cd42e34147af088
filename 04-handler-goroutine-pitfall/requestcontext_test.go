package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequestContextEndsWithTheHandler gives the background work the request's
// context (negative control of 4.5).
func TestRequestContextEndsWithTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		done := make(chan error, 1)
		web, pipes := NewServer(&RequestContext{Mailer{server.DialPipe}, func(err error) { done <- err }}), listen()
		go web.Serve(pipes)
		if got := pipes.Post(t); got != http.StatusAccepted {
			t.Errorf("the client is told %d", got)
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler has returned; want its mail cancelled with the request, got %v", err)
		}
		server.Recover()
		web.Shutdown(t.Context())
	})
}

// TestFixedWorkOutlivesTheRequest lets the mail server recover an hour after
// the answer (claim 4.5). The values of the request's context are still there.
func TestFixedWorkOutlivesTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		type key struct{}
		var seen any
		dial := func(ctx context.Context) (net.Conn, error) {
			seen = ctx.Value(key{})
			return server.DialPipe(ctx)
		}
		fixed := NewFixed(Mailer{dial}, 1, 1, 2*time.Hour, slog.New(slog.DiscardHandler))
		web, pipes := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fixed.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "request 7")))
		})), listen()
		go web.Serve(pipes)
		pipes.Post(t)
		time.Sleep(time.Hour)
		server.Recover()
		web.Shutdown(t.Context())
		fixed.Shutdown(t.Context())
		if fixed.Sent.Load() != 1 {
			t.Error("the mail ended with its request")
		}
		if seen != "request 7" {
			t.Errorf("the context of the work has lost the request's values: %v", seen)
		}
	})
}
