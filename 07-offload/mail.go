package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A Signup is what somebody sends who wants to join.
type Signup struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Check returns what is wrong with a sign-up, if anything is.
func (s Signup) Check() error {
	// A line break in a mail's header would let the client write headers of its own.
	if strings.TrimSpace(s.Name) == "" || len(s.Name) > 200 || strings.ContainsAny(s.Name, "\r\n") {
		return errors.New("name must be one line, and not empty")
	}
	if a, err := mail.ParseAddress(s.Email); err != nil || a.Address != s.Email || len(s.Email) > 200 {
		return errors.New("email must be an address such as ada@example.com")
	}
	return nil
}

// A Maildir is a directory in which each mail is a file, as mail servers use it:
// written under tmp, and moved to new when it is complete.
type Maildir string

// Welcome is the handler that delivers a welcome mail. The mail is named by the
// job: however often the job is done, it is one mail. Some addresses make
// trouble, to be watched: @slow.test takes 1 s, @flaky.test fails twice,
// @fails.test always, @panics.test, and @hangs.test does not listen to anything.
func (m Maildir) Welcome(ctx context.Context, t *Task) error {
	var s Signup
	if err := json.Unmarshal(t.Payload, &s); err != nil {
		return err
	}
	_, domain, _ := strings.Cut(s.Email, "@")
	switch {
	case domain == "slow.test":
		if !sleep(ctx, time.Second) {
			return context.Cause(ctx)
		}
	case domain == "flaky.test" && t.Attempt <= 2, domain == "fails.test":
		return errors.New("451 mailbox busy, try again later")
	case domain == "panics.test":
		panic("no such template")
	case domain == "hangs.test":
		time.Sleep(time.Hour) // wrong, but libraries are like that
	}
	text := fmt.Sprintf("To: %s\r\nSubject: Welcome\r\n\r\nWelcome, %s!\r\n", s.Email, s.Name)
	return m.Deliver(t.ID, text) // the ID is the key
}

// Deliver puts a mail into new under that name. If it is there already, it is
// replaced by itself.
func (m Maildir) Deliver(name, text string) error {
	for _, dir := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(string(m), dir), 0o700); err != nil {
			return err
		}
	}
	// A mail program moves what was read to cur, and adds flags to the name.
	if read, err := fs.Glob(os.DirFS(string(m)), "cur/"+name+"*"); err != nil || len(read) > 0 {
		return err // delivered before, and already read
	}
	file, err := os.CreateTemp(filepath.Join(string(m), "tmp"), name+".*") // another worker may be at the same job
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), filepath.Join(string(m), "new", name))
	}
	if err != nil {
		os.Remove(file.Name())
		return err
	}
	return syncDir(filepath.Join(string(m), "new")) // only now will the mail be there after a power cut
}

// Delivered returns the names of the mails that have not been read.
func (m Maildir) Delivered() (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(string(m), "new"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}
