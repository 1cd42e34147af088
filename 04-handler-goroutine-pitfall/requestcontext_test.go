package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequestContextIsCanceledWithTheHandler passes the request's context to
// background work (negative control of 4.5).
func TestRequestContextIsCanceledWithTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		done := make(chan error, 1)
		web, pipes := NewServer(&RequestContext{Mailer{server.DialPipe}, func(err error) { done <- err }}), listen()
		go web.Serve(pipes)
		if got := pipes.Post(t); got != http.StatusAccepted {
			t.Errorf("got status %d, want 202", got)
		}
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("the handler has returned, so its email must be canceled; got %v", err)
		}
		server.Recover()
		web.Shutdown(t.Context())
	})
}

// TestFixedWorkOutlivesTheRequest lets the mail server recover an hour after the
// response (claim 4.5). The values of the request's context are still available.
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
		var logged any
		fixed := NewFixed(Mailer{dial}, 1, 2, 2*time.Hour, slog.New(handlerFunc(func(ctx context.Context) { logged = ctx.Value(key{}) })))
		web, pipes := NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fixed.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "request 7")))
		})), listen()
		go web.Serve(pipes)
		pipes.Post(t)
		time.Sleep(time.Hour)
		server.Recover()
		synctest.Wait()
		server.Refuses = "RCPT"
		pipes.Post(t)
		web.Shutdown(t.Context())
		fixed.Shutdown(t.Context())
		if fixed.Sent.Load() != 1 {
			t.Error("the email was canceled with its request")
		}
		if seen != "request 7" {
			t.Errorf("the context of the work must keep the request's values, got %v", seen)
		}
		if logged != "request 7" {
			t.Errorf("the log entry of a failure must have the request's values, got %v", logged)
		}
	})
}

// A handlerFunc receives the context of each log entry.
type handlerFunc func(context.Context)

func (f handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (f handlerFunc) Handle(ctx context.Context, _ slog.Record) error { f(ctx); return nil }
func (f handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return f }
func (f handlerFunc) WithGroup(string) slog.Handler                   { return f }

// TestResultOfTheEmailIsReported: the request's context is not canceled here, so the
// email is sent, or the mail server's refusal is the result.
func TestResultOfTheEmailIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		done := make(chan error, 1)
		accepted(t, &RequestContext{Mailer{server.DialPipe}, func(err error) { done <- err }}, 1)
		if err := <-done; err != nil || len(server.Delivered()) != 1 {
			t.Errorf("got %v, and %q were delivered; want no error, and one email", err, server.Delivered())
		}
		server.Refuses = "RCPT"
		accepted(t, &RequestContext{Mailer{server.DialPipe}, func(err error) { done <- err }}, 1)
		if err := <-done; err == nil || !strings.Contains(err.Error(), "550") {
			t.Errorf("the mail server refused the email, and the result is %v; want the 550", err)
		}
	})
}
