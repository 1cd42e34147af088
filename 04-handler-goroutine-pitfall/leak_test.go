package main

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// TestLeakyLeavesAGoroutineBehindForEveryRequest lets the mail server hang and
// looks again after a day (negative control of 4.1).
func TestLeakyLeavesAGoroutineBehindForEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		accepted(t, &Leaky{Mailer{server.DialPipe}}, 5)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if left := Inside("(*Leaky).sendWelcome"); left != 5 {
			t.Errorf("a day after 5 requests, %d of their goroutines are left: want the leak of all 5", left)
		}
		server.Recover() // or the bubble would never end
	})
}

// TestFixedGoroutinesEndByTheirDeadline lets the mail server hang and looks
// when each mail is given up (claim 4.1).
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
			t.Errorf("%d mails were given up before their deadline", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := fixed.Failed.Load(); n != senders {
			t.Errorf("at the deadline of the first two mails, %d were given up", n)
		}
		time.Sleep(timeout)
		synctest.Wait()
		if n, left := fixed.Failed.Load(), Inside("(*Fixed).send"); n != 3 || left != 0 {
			t.Errorf("when all deadlines have passed, %d of 3 mails were given up and %d goroutines still send", n, left)
		}
		fixed.Shutdown(t.Context())
		server.Recover()
	})
}
