package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestShutdownDoesNotWaitForLeaky stops a real server while emails are in flight
// (negative control of 4.4). When main returns after Shutdown, they are lost.
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
			t.Errorf("Shutdown must report nothing, got %v", err)
		}
		if n := StartedBy("(*Leaky).ServeHTTP"); n != 3 {
			t.Errorf("Shutdown returned while %d emails were in flight; it must not wait for any of the 3", n)
		}
		server.Recover()
	})
}

// TestFixedDrainsBeforeItStops stops while emails are in flight, and the mail
// server recovers before the deadline (claim 4.4).
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
			t.Errorf("Shutdown returned after %v, but the last email was sent after 5 s", took)
		}
		if len(undone) != 0 || len(server.Delivered()) != 3 {
			t.Errorf("of 3 accepted emails %d were delivered, and %q reported as not sent", len(server.Delivered()), undone)
		}
		resp := post(fixed, ada)
		if why, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(why), ErrStopping.Error()) {
			t.Errorf("after Shutdown the handler responds with %d %q, want 503 and %q", resp.StatusCode, why, ErrStopping)
		}
		if again := fixed.Shutdown(ctx); len(again) != 0 {
			t.Errorf("a second Shutdown reports %q", again)
		}
	})
}

// TestSignUpsDuringShutdown have an order with it, or none: each is accepted and sent,
// or refused, without a data race.
func TestSignUpsDuringShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		fixed := NewFixed(Mailer{server.DialPipe}, 1, 100, time.Hour, slog.New(slog.DiscardHandler))
		accepted(t, fixed, 1)
		stopped := make(chan []string, 1)
		go func() { stopped <- fixed.Shutdown(t.Context()) }()
		statuses := map[int]int{http.StatusAccepted: 1}
		for range 10 {
			statuses[post(fixed, ada).StatusCode]++
		}
		synctest.Wait()
		if got := post(fixed, ada).StatusCode; got != http.StatusServiceUnavailable || len(stopped) > 0 {
			t.Errorf("Shutdown waits for an email: got status %d, and Shutdown has returned: %t; want 503, false", got, len(stopped) > 0)
		}
		server.Recover()
		undone := <-stopped
		if n := len(server.Delivered()); n != statuses[http.StatusAccepted] || len(undone) > 0 {
			t.Errorf("%d emails were accepted, but %d were delivered and %d abandoned", statuses[http.StatusAccepted], n, len(undone))
		}
	})
}

// TestCanceledDialIsAFailedEmail: a context of the mailer's own was canceled, but the server
// is not stopping (claim 4.4).
func TestCanceledDialIsAFailedEmail(t *testing.T) {
	var logged bytes.Buffer
	dial := func(context.Context) (net.Conn, error) { return nil, context.Canceled }
	fixed := NewFixed(Mailer{dial}, 1, 1, time.Minute, slog.New(slog.NewTextHandler(&logged, nil)))
	post(fixed, `{"name":"Ada","email":"ada@example.com"}`)
	undone := fixed.Shutdown(t.Context())
	if failed := fixed.Failed.Load(); failed != 1 || len(undone) > 0 || strings.Contains(logged.String(), ErrStopping.Error()) {
		t.Errorf("%d emails failed, and Shutdown abandoned %q; want 1 and none:\n%s", failed, undone, &logged)
	}
}

// TestFixedReportsWhatItAbandons stops while the mail server hangs: some emails
// are being sent, some are queued (claim 4.4).
func TestFixedReportsWhatItAbandons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		var logged bytes.Buffer
		fixed := NewFixed(Mailer{server.DialPipe}, 2, 4, time.Hour, slog.New(slog.NewTextHandler(&logged, nil)))
		want := []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"}
		for _, email := range want {
			post(fixed, `{"name":"Ada","email":"`+email+`"}`)
		}

		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		undone := fixed.Shutdown(ctx)
		if took := time.Since(began); took != 10*time.Second {
			t.Errorf("Shutdown had 10 s, but it returned after %v", took)
		}
		if n := server.connected(); n != 2 {
			t.Errorf("2 emails were being sent when the time was over, but %d connections were opened", n)
		}
		slices.Sort(undone) // the senders are concurrent
		if !slices.Equal(undone, want) {
			t.Errorf("Shutdown reported %q, want the abandoned emails %q", undone, want)
		}
		clear(undone) // it belongs to the caller
		if again := fixed.Shutdown(ctx); slices.Contains(again, "") || len(again) != len(want) {
			t.Errorf("a second Shutdown reported %q, want the same emails", again)
		}
		if n := strings.Count(logged.String(), ErrStopping.Error()); n != len(want) {
			t.Errorf("%d emails were abandoned, but %d are logged with %q:\n%s", len(want), n, ErrStopping, &logged)
		}
		server.Recover()
	})
}
