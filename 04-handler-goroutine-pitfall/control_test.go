package main

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestShutdownDoesNotWaitForLeaky stops a real server while mails are under way
// (negative control of 4.4). main returns after Shutdown, and that is their end.
func TestShutdownDoesNotWaitForLeaky(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		web, pipes := NewServer(&Leaky{Mailer{server.DialPipe}}), listen()
		go web.Serve(pipes)
		for range 3 {
			pipes.Post(t)
		}
		synctest.Wait()
		if err := web.Shutdown(t.Context()); err != nil {
			t.Errorf("want Shutdown to see nothing wrong, got %v", err)
		}
		if under := Inside("(*Leaky).sendWelcome"); under != 3 {
			t.Errorf("Shutdown has returned, and %d mails are still under way: want all 3", under)
		}
		server.Recover()
	})
}

// TestFixedDrainsBeforeItStops stops while mails are under way and the mail
// server comes back in time (claim 4.4).
func TestFixedDrainsBeforeItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 3, time.Minute, slog.New(slog.DiscardHandler))
		accepted(t, fixed, 3)
		time.AfterFunc(5*time.Second, server.Recover)

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		undone := fixed.Shutdown(ctx)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("Shutdown returned after %v, and the last mail was sent after 5 s", took)
		}
		if len(undone) != 0 || len(server.Delivered()) != 3 {
			t.Errorf("3 mails were accepted, %d delivered, and %q reported as not sent", len(server.Delivered()), undone)
		}
		if got := post(fixed, ada).StatusCode; got != http.StatusServiceUnavailable {
			t.Errorf("after Shutdown a client is told %d, and should be told 503", got)
		}
	})
}

// TestFixedReportsWhatItCouldNotDo stops while the mail server hangs (claim 4.4).
func TestFixedReportsWhatItCouldNotDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 2, time.Hour, slog.New(slog.DiscardHandler))
		post(fixed, `{"name":"Ada","email":"ada@example.com"}`)
		post(fixed, `{"name":"Bob","email":"bob@example.com"}`)

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		undone := fixed.Shutdown(ctx)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Shutdown had 10 s and returned after %v", took)
		}
		if want := []string{"ada@example.com", "bob@example.com"}; !slices.Equal(undone, want) {
			t.Errorf("the mails to %q were given up, and %q were reported", want, undone)
		}
		server.Recover()
	})
}
