package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of this file are the first, so that they run before tests in which the same
// fault blocks until the time limit of go test.

// TestDialPipeNeedsNoNetwork, so it can be used in a synctest bubble.
func TestDialPipeNeedsNoNetwork(t *testing.T) {
	conn, err := NewMailServer().DialPipe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if network := conn.LocalAddr().Network(); network != "pipe" {
		t.Errorf("the connection is of the network %q, want a pipe", network)
	}
	conn.Close()
}

// TestServersListenOnFreePorts: two of each kind at the same time.
func TestServersListenOnFreePorts(t *testing.T) {
	for range 2 {
		mail, web := NewMailServer(), NewServer(http.NotFoundHandler())
		if _, err := mail.Listen(); err != nil {
			t.Fatal(err)
		}
		defer mail.Close()
		if _, err := Start(web); err != nil {
			t.Fatal(err)
		}
		defer web.Close()
	}
}

// blocked are states of a goroutine, as the runtime writes them. (It can be in
// sync.Mutex.Lock for a moment wherever the standard library has a lock.)
var blocked = []string{"chan ", "select", "sync.Cond", "sync.WaitGroup", "sleep", "IO wait"}

// blocksIn reports whether a goroutine is in a call of the function, and in one of the states.
func blocksIn(function string, states ...string) bool { return goroutinesIn(function, states...) > 0 }

func goroutinesIn(function string, states ...string) (n int) {
	for stack := range strings.SplitSeq(allStacks(), "\n\n") {
		head, calls, _ := strings.Cut(stack, "\n")
		_, state, _ := strings.Cut(head, "[")
		if strings.Contains(calls, "."+function+"(") && slices.ContainsFunc(states, func(s string) bool { return strings.HasPrefix(state, s) }) {
			n++
		}
	}
	return n
}

// TestAcceptDoesNotObserveCancellation: it accepts an email even if the client has left.
func TestAcceptDoesNotObserveCancellation(t *testing.T) {
	const capacity = 50
	server := NewMailServer()
	fixed := NewFixed(Mailer{server.DialPipe}, 1, capacity, time.Minute, slog.New(slog.DiscardHandler))
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for range capacity {
		if err := fixed.accept(canceled, adaSignup); err != nil {
			t.Fatalf("accept returned %v with a context that is done, want nil", err)
		}
	}
	fixed.Shutdown(t.Context())
	if n := len(server.Delivered()); n != capacity {
		t.Errorf("%d emails were accepted, but %d were delivered", capacity, n)
	}
}

// TestShutdownReturnsWhenItsContextIsDone, although an email is being sent.
func TestShutdownReturnsWhenItsContextIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail := hanging()
		fixed := NewFixed(Mailer{mail.DialPipe}, 1, 1, time.Hour, slog.New(slog.DiscardHandler))
		accepted(t, fixed, 1)
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		if fixed.Shutdown(canceled); time.Since(began) != 0 {
			t.Errorf("Shutdown returned after %v, want immediately: its context is done", time.Since(began))
		}
		mail.Recover()
	})
}

// TestAcceptReturnsErrStoppingAfterShutdown, and does not send on the queue, which is closed.
func TestAcceptReturnsErrStoppingAfterShutdown(t *testing.T) {
	defer func() {
		if v := recover(); v != nil {
			t.Errorf("accept panicked after Shutdown: %v", v)
		}
	}()
	fixed := newQuiet(NewMailServer().DialPipe)
	fixed.Shutdown(t.Context())
	if err := fixed.accept(t.Context(), adaSignup); err != ErrStopping {
		t.Errorf("accept returned %v after Shutdown, want %v", err, ErrStopping)
	}
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
	inside := func(function string) int { return goroutinesIn(function, "") }
	for inside("(*Fixed).accept")+int(returned.Load()) < signups {
		runtime.Gosched()
	}
	call(func() { fixed.Shutdown(canceled) })
	for inside("(*Fixed).accept")+inside("(*Fixed).Shutdown")+int(returned.Load()) < signups+1 {
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
