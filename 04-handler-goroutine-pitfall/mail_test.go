package main

import (
	"context"
	"errors"
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
