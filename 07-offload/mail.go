package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// A Signup is what a new user sends.
type Signup struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Check returns what is wrong with a sign-up, or nil.
func (s Signup) Check() error {
	// With a line break in a header the client could write headers of its own. Other control
	// characters have no use in a name, and some systems refuse them.
	if strings.TrimSpace(s.Name) == "" || len(s.Name) > 200 || strings.ContainsFunc(s.Name, unicode.IsControl) {
		return invalid("name must be one line of 1 to 200 bytes, without control characters")
	}
	return checkAddress(s.Email)
}

func checkAddress(email string) error {
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || len(email) > 200 {
		return invalid("email must be an address such as ada@example.com")
	}
	return nil
}

// A Maildir is a directory in which each email is a file, as mail servers use it:
// the file is written in tmp, and moved to new when it is complete.
type Maildir string

// Welcome is the handler that delivers a welcome email, named by the job's ID: so
// there is one email however often the job runs. (There may be two if a mail program
// moves it to cur while the job runs again.) Some addresses misbehave: @slow.test
// takes 1 s, @flaky.test fails twice, @fails.test always, @gone.test permanently,
// @panics.test panics and @hangs.test ignores cancellation.
func (m Maildir) Welcome(ctx context.Context, t *Task) error {
	var s Signup
	err := json.Unmarshal(t.Payload, &s)
	if err == nil {
		err = s.Check() // the web server has checked it, but any client of the broker can enqueue a job
	}
	if err != nil {
		return fmt.Errorf("%w: malformed payload: %w", ErrPermanent, err)
	}
	switch _, domain, _ := strings.Cut(s.Email, "@"); {
	case domain == "slow.test":
		if !sleep(ctx, time.Second) {
			return context.Cause(ctx)
		}
	case domain == "flaky.test" && t.Attempt <= 2, domain == "fails.test":
		return errors.New("451 mailbox busy, try again later")
	case domain == "gone.test":
		return fmt.Errorf("%w: 550 no such mailbox", ErrPermanent)
	case domain == "panics.test":
		panic("no such template")
	case domain == "hangs.test":
		time.Sleep(time.Hour) // wrong, but some libraries do that
	}
	text := fmt.Sprintf("To: %s\r\nSubject: Welcome\r\n\r\nWelcome, %s!\r\n", s.Email, s.Name)
	return m.Deliver(t.ID, text) // the ID is the key
}

// Twice is the WRONG handler: it gives each email a new name. If its worker dies after
// the delivery and before the report, there are two emails.
func (m Maildir) Twice(_ context.Context, t *Task) error {
	return m.Deliver(rand.Text(), "To: ada@example.com\r\nSubject: Welcome\r\n\r\nWelcome!\r\n")
}

// Deliver puts an email into new under that name, unless it has been read.
func (m Maildir) Deliver(name, text string) error {
	for _, dir := range []string{"tmp", "new", "cur"} {
		if err := makeDir(filepath.Join(string(m), dir)); err != nil {
			return err
		}
	}
	// A mail program moves an email that was read to cur, and adds flags to the name.
	for _, pattern := range []string{name, name + "[:;]*"} { // not name*: n-1 is not n-10
		if read, err := fs.Glob(os.DirFS(string(m)), "cur/"+pattern); err != nil || len(read) > 0 {
			return err
		}
	}
	file, err := os.CreateTemp(filepath.Join(string(m), "tmp"), name+".*") // another worker may run the same job
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // if it is still there
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), filepath.Join(string(m), "new", name))
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Join(string(m), "new")) // or the name could be gone after a power loss
}
