package main

import (
	"context"
	"fmt"
	"net"
	"net/smtp"
	"strings"
	"time"
)

// A Mailer sends welcome mails through a mail server.
type Mailer struct {
	Dial func(context.Context) (net.Conn, error) // a new connection to the mail server
}

// Send sends the welcome mail. It gives up when ctx ends, and returns why it did.
//
// With a context that never ends it waits as long as the mail server wants,
// for ever if need be. That is what smtp.SendMail does: it takes no context and
// sets no deadline.
func (m Mailer) Send(ctx context.Context, s Signup) error {
	err := m.send(ctx, s.Email, welcome(s))
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // what the connection says of it is only the consequence
	}
	return err
}

func (m Mailer) send(ctx context.Context, to string, letter []byte) error {
	conn, err := m.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// net/smtp knows nothing of ctx, so the connection has to: a deadline long
	// past ends every read and write on it at once.
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	client, err := smtp.NewClient(conn, "localhost") // waits for the server's greeting
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
	if err := data.Close(); err != nil { // the server has taken the mail, or says why not
		return err
	}
	client.Quit() // a courtesy: the mail is taken, whatever comes of it
	return nil
}

// welcome writes the mail. It has a bug, for claim 4.2: a name of blanks alone
// has no first word, and to ask for it is a panic.
func welcome(s Signup) []byte {
	first := strings.Fields(s.Name)[0]
	return fmt.Appendf(nil, "To: %s\r\nSubject: Welcome\r\n\r\nHello %s, good to have you here.\r\n", s.Email, first)
}
