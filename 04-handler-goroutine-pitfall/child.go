package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Child is this program, started again in a role of children.go that serves
// until it is killed or panics, or this process ends. (runRole is for roles that
// end by themselves.)
type Child struct {
	URL    string // of its web server
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
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	c := &Child{cmd: exec.CommandContext(ctx, self), cancel: cancel}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role+"="+mailServer,
		"GOTRACEBACK=", "GODEBUG=", "GORACE=atexit_sleep_ms=0") // as if they were not set
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
		return nil, fmt.Errorf("the child in the role %q did not start serving: %w\n%s", role, err, stderr)
	}
	return c, nil
}

// Kill kills the child (SIGKILL on Unix). It returns the exit status and what
// the child printed on standard error.
func (c *Child) Kill() (status int, stderr string) {
	c.cmd.Process.Kill()
	return c.Wait()
}

// Wait waits until the child has ended, and returns the same as Kill.
func (c *Child) Wait() (status int, stderr string) {
	defer c.cancel()
	c.cmd.Wait()
	c.stdin.Close()
	return c.cmd.ProcessState.ExitCode(), c.stderr.String()
}

// panicInChild sends a sign-up on which a child in the role panics.
func panicInChild(role, mailServer, signup string) (status, logged int, panicked string) {
	child, err := StartChild(role, mailServer)
	check(err)
	if resp, err := http.Post(child.URL, "application/json", strings.NewReader(signup)); err == nil {
		resp.Body.Close()
	}
	status, stderr := child.Wait()
	before, panicked, _ := strings.Cut(stderr, "panic: ")
	panicked, _, _ = strings.Cut(panicked, "\n")
	return status, strings.Count(before, "\n"), panicked
}

// killAfter kills a child in the role when it has accepted n sign-ups or, with
// delivers, when the mail server has delivered their emails.
func killAfter(role string, n int, delivers bool) (responses string, delivered int) {
	mail := hanging()
	addr, err := mail.Listen()
	check(err)
	child, err := StartChild(role, addr)
	check(err)
	site := &site{url: child.URL, answers: make(map[int]int)}
	site.post(n)
	mail.WaitFor(min(n, senders), 0)
	if delivers {
		mail.Recover()
		mail.WaitFor(0, n)
	}
	child.Kill()
	mail.Recover()
	mail.Close()
	return site.responses(), len(mail.Delivered())
}
