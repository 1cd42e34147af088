package main

import (
	"log/slog"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// These tests are in the first file, so that they run before tests in which the same
// fault blocks until the time limit of go test.

// TestEachSiteOfAPairHasItsOwnMailServer.
func TestEachSiteOfAPairHasItsOwnMailServer(t *testing.T) {
	leaky, fixed := newPair(NewMailServer, time.Minute)
	if leaky.mail == fixed.mail || leaky.mailAddr == fixed.mailAddr {
		t.Fatalf("both sites have the mail server at %s, want two", leaky.mailAddr)
	}
	leaky.end()
	fixed.end()
}

// TestAcceptNeverBlocks fills a handler whose only sender is blocked, and sends more.
func TestAcceptNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail := hanging()
		fixed := NewFixed(Mailer{mail.DialPipe}, 1, 1, time.Hour, slog.New(slog.DiscardHandler))
		returned := make(chan error, 4)
		go func() {
			for range cap(returned) {
				returned <- fixed.accept(t.Context(), Signup{Name: "Ada", Email: "ada@example.com"})
			}
		}()
		synctest.Wait()
		if n := len(returned); n != cap(returned) {
			t.Errorf("the handler holds an email, its limit: call %d of accept blocks, want ErrFull", n+1)
			go func() {
				for range fixed.queue { // so that this test can end
				}
			}()
		}
		for i := range cap(returned) {
			if err := <-returned; i > 0 && err != ErrFull {
				t.Errorf("call %d of accept returned %v, want %v", i+1, err, ErrFull)
			}
		}
		mail.Recover()
		fixed.Shutdown(t.Context())
	})
}

// closedListener is a listener that was closed. It ends a goroutine that calls Accept again.
type closedListener struct {
	net.Listener
	calls int
}

func (l *closedListener) Accept() (net.Conn, error) {
	if l.calls++; l.calls > 1 {
		runtime.Goexit()
	}
	return nil, net.ErrClosed
}

// TestMailServerAcceptsUntilItsListenerIsClosed: Close waits for accept, so accept must return.
func TestMailServerAcceptsUntilItsListenerIsClosed(t *testing.T) {
	listener, ended := new(closedListener), make(chan struct{})
	server := NewMailServer()
	server.listener = listener
	go func() {
		defer close(ended)
		server.accept()
	}()
	if <-ended; listener.calls != 1 {
		t.Error("the listener is closed, and the mail server calls Accept again")
	}
}
