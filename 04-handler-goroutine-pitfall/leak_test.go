package main

import (
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeakyNeverBlocksItsClient, however many emails it is sending: nothing limits them.
func TestLeakyNeverBlocksItsClient(t *testing.T) {
	server, done := hanging(), make(chan int, 1)
	go func() {
		refused := 0
		for range 300 {
			if post(&Leaky{Mailer{server.DialPipe}}, ada).StatusCode != http.StatusAccepted {
				refused++
			}
		}
		done <- refused
	}()
	for len(done) == 0 {
		if blocksIn("(*Leaky).ServeHTTP", blocked...) {
			t.Fatal("the handler blocks while it sends emails, want one goroutine for each email")
		}
		runtime.Gosched()
	}
	if refused := <-done; refused > 0 {
		t.Errorf("%d of 300 sign-ups were refused, want none", refused)
	}
	server.Recover()
	server.WaitFor(300, 300)
	until(func() bool { return StartedBy("(*Leaky).ServeHTTP") == 0 }) // tests that follow count them
}

// TestLeakyLeavesAGoroutineForEveryRequest lets the mail server hang and counts
// goroutines a day later (negative control of 4.1).
func TestLeakyLeavesAGoroutineForEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		accepted(t, &Leaky{Mailer{server.DialPipe}}, 5)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if left := StartedBy("(*Leaky).ServeHTTP"); left != 5 {
			t.Errorf("a day after 5 requests, %d of their goroutines are left; the leaky handler must leak all 5", left)
		}
		server.Recover() // or the bubble would never end
	})
}

// TestFixedGoroutinesEndByTheirDeadline lets the mail server hang and counts
// failures just before and at each deadline (claim 4.1).
func TestFixedGoroutinesEndByTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		const senders, timeout = 2, 10 * time.Second
		fixed := NewFixed(Mailer{server.DialPipe}, senders, 10, timeout, slog.New(slog.DiscardHandler))
		accepted(t, fixed, 3)

		time.Sleep(timeout - time.Nanosecond)
		synctest.Wait()
		if n := fixed.Failed.Load(); n != 0 {
			t.Errorf("%d emails failed before their deadline", n)
		}
		if n := fixed.Sent.Load(); n != 0 {
			t.Errorf("%d emails are counted as sent while they are being sent, want none", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := fixed.Failed.Load(); n != senders {
			t.Errorf("at the deadline of the first 2 emails, %d had failed", n)
		}
		time.Sleep(timeout)
		synctest.Wait()
		if n, left := fixed.Failed.Load(), Inside("(*Fixed).send"); n != 3 || left != 0 {
			t.Errorf("after all deadlines, %d of 3 emails had failed and %d goroutines were still sending", n, left)
		}
		fixed.Shutdown(t.Context())
		server.Recover()
	})
}

// TestStartedByCountsAGoroutineUntilItEnds, before it has run as well: on one CPU it
// does not run before this test waits.
func TestStartedByCountsAGoroutineUntilItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		end := make(chan struct{})
		startThree(end)
		before := StartedBy("startThree")
		synctest.Wait()
		blocked := StartedBy("startThree")
		if n := Inside("startThree"); n != 0 {
			t.Errorf("startThree has returned, but Inside returns %d", n)
		}
		close(end)
		synctest.Wait()
		if after := StartedBy("startThree"); before != 3 || blocked != 3 || after != 0 {
			t.Errorf("3 goroutines were started; StartedBy returned %d, %d when they were blocked, and %d when they had ended", before, blocked, after)
		}
	})
}

func startThree(end <-chan struct{}) {
	for range 3 {
		go waitFor(end)
	}
}

func waitFor(end <-chan struct{}) { <-end }

// TestInsideReadsTheStacksOfAllGoroutines has goroutines with long stacks: their
// text needs several times the first buffer.
func TestInsideReadsTheStacksOfAllGoroutines(t *testing.T) {
	const goroutines = 500
	parked, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() { recurse(80, func() { parked <- struct{}{}; <-leave }) })
	}
	for range goroutines {
		<-parked
	}
	if got := Inside("recursionEnds"); got != goroutines {
		t.Errorf("%d goroutines are inside the function, but Inside found %d", goroutines, got)
	}
	if got := Inside("cursionEnds"); got != 0 {
		t.Errorf("no function has this name, but Inside found %d", got)
	}
	close(leave)
	wg.Wait() // their stacks must not be in the dumps of other tests
}

func recurse(depth int, then func()) {
	if depth > 0 {
		recurse(depth-1, then)
		return
	}
	recursionEnds(then)
}

//go:noinline
func recursionEnds(then func()) { then() }
