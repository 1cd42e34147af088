package main

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
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

// TestAcceptIsOneCriticalSection: thirty sign-ups and Shutdown need the lock at the same
// time. If accept had two critical sections, the handler would hold too many emails, or send
// on the queue when it is closed.
func TestAcceptIsOneCriticalSection(t *testing.T) {
	const capacity, signups = 10, 30
	mail := hanging()
	fixed := NewFixed(Mailer{mail.DialPipe}, 1, capacity, time.Hour, slog.New(slog.DiscardHandler))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	var accepted, returned atomic.Int64
	call := func(f func()) {
		all.Go(func() {
			defer returned.Add(1)
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("accept panicked: %v", v)
				}
			}()
			f()
		})
	}
	all.Go(func() {
		for range fixed.queue { // until it is closed: no send blocks, even if there are too many
		}
	})
	fixed.mu.Lock()
	for range signups {
		call(func() {
			if fixed.accept(t.Context(), adaSignup) == nil {
				accepted.Add(1)
			}
		})
	}
	for Inside("(*Fixed).accept")+int(returned.Load()) < signups {
		runtime.Gosched()
	}
	call(func() { fixed.Shutdown(canceled) })
	for Inside("(*Fixed).accept")+Inside("(*Fixed).Shutdown")+int(returned.Load()) < signups+1 {
		runtime.Gosched()
	}
	for range 200 { // once a goroutine has waited for 1 ms, a Mutex serves all in turn (starvation mode)
		fixed.mu.Unlock()
		fixed.mu.Lock()
		allStacks() // takes a while
	}
	fixed.mu.Unlock()
	all.Wait()
	if n := accepted.Load(); n > capacity {
		t.Errorf("%d emails are accepted, the capacity is %d", n, capacity)
	}
	mail.Recover()
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
