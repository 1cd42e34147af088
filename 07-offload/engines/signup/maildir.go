package signup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Maildir is a directory in which each email is a file, as mail servers use it:
// written under tmp, and moved to new when it is complete.
type Maildir string

// Welcome delivers the welcome email. attempt counts from 1. A task may be redelivered;
// the email's name is the task's ID, so it is one email. Some addresses cause
// trouble: @slow.test takes 1 s, @90s.slow.test takes 90 s, @flaky.test fails twice,
// @fails.test always.
func (m Maildir) Welcome(ctx context.Context, t Task, attempt int) error {
	slog.Info("begun", "job", t.ID, "attempt", attempt)
	_, domain, _ := strings.Cut(t.Email, "@")
	takes, err := time.ParseDuration(strings.TrimSuffix(domain, ".slow.test"))
	if domain == "slow.test" {
		takes, err = time.Second, nil
	}
	switch {
	case err == nil:
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	case domain == "flaky.test" && attempt <= 2, domain == "fails.test":
		return errors.New("451 mailbox busy, try again later")
	}
	return m.deliver(t.ID, fmt.Sprintf("To: %s\r\nSubject: Welcome\r\n\r\nWelcome, %s!\r\n", t.Email, t.Name))
}

func (m Maildir) deliver(name, text string) error {
	for _, dir := range []string{"tmp", "new"} {
		if err := os.MkdirAll(filepath.Join(string(m), dir), 0o700); err != nil {
			return err
		}
	}
	file, err := os.CreateTemp(filepath.Join(string(m), "tmp"), name+".*") // another worker may work on the same task
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		now := time.Now() // a file system's own time can be several milliseconds in the past
		err = os.Chtimes(file.Name(), now, now)
	}
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(string(m), "new", name))
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}
