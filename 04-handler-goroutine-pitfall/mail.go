package main

import (
	"context"
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"time"
)

// A Mailer sends welcome emails through a mail server.
type Mailer struct {
	Dial func(context.Context) (net.Conn, error) // a new connection to the mail server
}

// Send sends the welcome email. If ctx is done before the mail server has accepted
// the email, Send returns the cause.
//
// With a context that is never done it can block forever, as long as the mail
// server sends nothing. So can smtp.SendMail: it takes no context and sets no
// deadline.
func (m Mailer) Send(ctx context.Context, s Signup) error {
	err := m.send(ctx, s.Email, welcome(s))
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // the error of the connection is only the consequence
	}
	return err
}

func (m Mailer) send(ctx context.Context, to string, letter []byte) error {
	conn, err := m.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// net/smtp does not observe ctx. A deadline in the past ends every read and
	// write on the connection immediately.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	client, err := smtp.NewClient(conn, "localhost") // blocks until the server's greeting
	if err != nil {
		return err
	}
	if err := client.Mail("club@example.com"); err != nil {
		return err
	}
	if err := client.Rcpt(to); err != nil {
		return err
	}
	data, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := data.Write(letter); err != nil {
		return err
	}
	if err := data.Close(); err != nil { // reads whether the server accepts the email
		return err
	}
	// The email is accepted. QUIT is a courtesy: a server that does not reply to
	// it must not hold the sender until the email's deadline.
	conn.SetDeadline(time.Now().Add(quitTimeout))
	if ctx.Err() == nil { // or this deadline may have replaced the one in the past
		client.Quit()
	}
	return nil
}

const quitTimeout = time.Second

// welcome writes the email. It has a bug, for claim 4.2: a name that consists of
// spaces has no first word, and the index panics.
func welcome(s Signup) []byte {
	first := strings.Fields(s.Name)[0]
	return fmt.Appendf(nil, "To: %s\r\nSubject: Welcome\r\n\r\nHello %s, good to have you here.\r\n", s.Email, first)
}
