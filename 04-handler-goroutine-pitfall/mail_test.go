package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var adaSignup = Signup{Name: "Ada Lovelace", Email: "ada@example.com"}

// TestSendReturnsEveryRefusal lets the mail server refuse each command that a
// client sends, and the email itself.
func TestSendReturnsEveryRefusal(t *testing.T) {
	for _, refused := range []string{"", "MAIL", "RCPT", "DATA", "."} {
		synctest.Test(t, func(t *testing.T) {
			server := NewMailServer()
			server.Refuses = refused
			err := Mailer{server.DialPipe}.Send(t.Context(), adaSignup)
			if want := refused != ""; want != (err != nil && strings.Contains(err.Error(), "no such mailbox")) || want != (len(server.Delivered()) == 0) {
				t.Errorf("the mail server refused %q and accepted %q, but Send returned %v", refused, server.Delivered(), err)
			}
		})
	}
}

// TestSendReturnsTheCauseOfItsContext lets the mail server hang until the
// context is done.
func TestSendReturnsTheCauseOfItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := NewMailServer()
		server.Hangs = true
		tooLate := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, tooLate)
		defer cancel()
		began := time.Now()
		err := Mailer{server.DialPipe}.Send(ctx, adaSignup)
		if took := time.Since(began); took != time.Minute || err != tooLate {
			t.Errorf("Send returned %v after %v, want the cause %q after 1m0s", err, took, tooLate)
		}
		server.Recover()
	})
}

// TestSendIsNotHeldByAWrite uses a mail server that sends its greeting and reads nothing.
func TestSendIsNotHeldByAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		go io.WriteString(there, "220 mail server\r\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		err := Mailer{func(context.Context) (net.Conn, error) { return here, nil }}.Send(ctx, adaSignup)
		if took := time.Since(began); took != time.Minute || err != context.DeadlineExceeded {
			t.Errorf("Send returned %v after %v, want %v after 1m0s", err, took, context.DeadlineExceeded)
		}
		if _, err := io.Copy(io.Discard, there); err != nil { // a pipe that is open would block forever
			t.Error(err)
		}
	})
}

// TestSendThatIsCanceledSaysNoQUIT: the context is done when the mail server has just
// accepted the email, so the deadline of QUIT replaces the one in the past.
func TestSendThatIsCanceledSaysNoQUIT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, sent := NewMailServer(), new(strings.Builder)
		ctx, cancel := context.WithCancel(t.Context())
		err := Mailer{func(ctx context.Context) (net.Conn, error) {
			conn, err := server.DialPipe(ctx)
			return canceling{recorder{conn, sent}, cancel}, err
		}}.Send(ctx, adaSignup)
		if err != nil || len(server.Delivered()) != 1 || strings.Contains(sent.String(), "QUIT") {
			t.Errorf("Send returned %v, delivered %q and sent %q; want one email and no QUIT", err, server.Delivered(), sent)
		}
	})
}

// canceling calls cancel before it sets a deadline that is not in the past, and sets
// it when the one in the past has been set.
type canceling struct {
	net.Conn
	cancel func()
}

func (c canceling) SetDeadline(d time.Time) error {
	if d.After(time.Now()) {
		c.cancel()
		synctest.Wait()
	}
	return c.Conn.SetDeadline(d)
}

// TestMissingReplyToQuitDoesNotHoldTheSender uses a mail server that accepts the
// email and then sends nothing. The email was sent, whatever follows.
func TestMissingReplyToQuitDoesNotHoldTheSender(t *testing.T) {
	for _, c := range []struct{ timeout, want time.Duration }{
		{time.Hour, quitTimeout},
		{quitTimeout / 2, quitTimeout / 2}, // the context is done first
	} {
		synctest.Test(t, func(t *testing.T) {
			server := NewMailServer()
			server.NoReplyToQuit = true
			ctx, cancel := context.WithTimeout(t.Context(), c.timeout)
			defer cancel()
			began := time.Now()
			err := Mailer{server.DialPipe}.Send(ctx, adaSignup)
			if took := time.Since(began); took != c.want || err != nil || len(server.Delivered()) != 1 {
				t.Errorf("with %v left, Send returned %v after %v, want nil after %v; delivered: %q", c.timeout, err, took, c.want, server.Delivered())
			}
			server.Recover()
		})
	}
}

// TestSendSendsTheLetter and says QUIT. Its context keeps nothing of an email that
// was sent.
func TestSendSendsTheLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, sent := NewMailServer(), new(strings.Builder)
		ctx := &keeping{Context: t.Context()}
		err := Mailer{func(ctx context.Context) (net.Conn, error) {
			conn, err := server.DialPipe(ctx)
			return recorder{conn, sent}, err
		}}.Send(ctx, adaSignup)
		const want = "\r\nTo: ada@example.com\r\nSubject: Welcome\r\n\r\nHello Ada, good to have you here.\r\n.\r\nQUIT\r\n"
		if err != nil || !strings.HasSuffix(sent.String(), want) {
			t.Errorf("Send returned %v and sent %q, want it to end with %q", err, sent, want)
		}
		if n, all := ctx.now.Load(), ctx.ever.Load(); n != 0 || all != 1 {
			t.Errorf("the email was sent, but the context keeps %d functions of %d", n, all)
		}
	})
}

// A recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	sent *strings.Builder
}

func (r recorder) Write(p []byte) (int, error) {
	r.sent.Write(p)
	return r.Conn.Write(p)
}
