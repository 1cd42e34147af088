package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Some of what this chapter shows ends the process it happens in. So this
// program (and its test, see TestMain) starts itself again as a child, and
// these variables tell the child which role to play and where the mail server is.
const (
	roleVariable = "PITFALL_ROLE"
	mailVariable = "PITFALL_MAIL"
)

var roles = map[string]func(){
	// A web process each. It prints its URL and serves until it is killed.
	"leaky": func() { serveForEver(&Leaky{Mailer{DialTo(os.Getenv(mailVariable))}}) },
	"fixed": func() {
		quiet := slog.New(slog.DiscardHandler)
		serveForEver(NewFixed(Mailer{DialTo(os.Getenv(mailVariable))}, 4, 1000, time.Minute, quiet))
	},
}

func serveForEver(h http.Handler) {
	url, err := Start(NewServer(h))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(url)
	io.Copy(io.Discard, os.Stdin) // until the parent has gone, even if it could not kill us
}

// playRole plays the role this process was started for, and reports whether there was one.
func playRole() bool {
	role, ok := roles[os.Getenv(roleVariable)]
	if ok {
		role()
	}
	return ok
}

// A Child is this program, started again in a role.
type Child struct {
	URL    string // where its web server is
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr strings.Builder
	cancel context.CancelFunc
}

// StartChild starts this program again in a role, with mailServer as the
// address of its mail server, and returns when its web server is up.
func StartChild(role, mailServer string) (*Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c := &Child{cmd: exec.CommandContext(ctx, self), cancel: cancel}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, mailVariable+"="+mailServer,
		"GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0") // as if nobody had set them
	c.cmd.Stderr = &c.stderr
	stdout, err1 := c.cmd.StdoutPipe()
	stdin, err2 := c.cmd.StdinPipe()
	if err := errors.Join(err1, err2, c.cmd.Start()); err != nil {
		cancel()
		return nil, err
	}
	c.stdin = stdin
	if _, err := fmt.Fscan(stdout, &c.URL); err != nil {
		_, stderr := c.Kill()
		return nil, fmt.Errorf("the child in the role %q did not come up: %w\n%s", role, err, stderr)
	}
	return c, nil
}

// Kill ends the child at once, wherever it is (SIGKILL on Unix). It returns its
// exit status, which is that of its own end if it came first, and what it
// printed on standard error.
func (c *Child) Kill() (status int, stderr string) {
	c.cmd.Process.Kill()
	return c.Wait()
}

// Wait returns when the child has ended by itself, with the same as Kill.
func (c *Child) Wait() (status int, stderr string) {
	defer c.cancel()
	c.cmd.Wait()
	c.stdin.Close()
	return c.cmd.ProcessState.ExitCode(), c.stderr.String()
}
