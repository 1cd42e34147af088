package main

import (
	"context"
	"crypto/rand"
)

// Twice is the WRONG handler: it makes up a name for each mail. All is well until
// a job comes a second time, because a worker died after the delivery and before
// it could say so. Then there are two mails.
func (m Maildir) Twice(_ context.Context, t *Task) error {
	return m.Deliver(rand.Text(), "To: ada@example.com\r\nSubject: Welcome\r\n\r\nWelcome!\r\n")
}
