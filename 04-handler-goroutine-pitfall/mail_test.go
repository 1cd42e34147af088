package main

import (
	"context"
	"errors"
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
