package main

import (
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

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
