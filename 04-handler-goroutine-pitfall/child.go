package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// A Child is this program, started again in a role of children.go that serves
// until it is killed or ends by a panic. (runRole is for roles that end by themselves.)
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// Kill ends the child immediately, whatever it is doing (SIGKILL on Unix). It
// returns its exit status and what it printed on standard error.
func (c *Child) Kill() (status int, stderr string) {
	c.cmd.Process.Kill()
	return c.Wait()
}

// Wait returns when the child has ended by itself, and returns the same as Kill.
func (c *Child) Wait() (status int, stderr string) {
	defer c.cancel()
	c.cmd.Wait()
	c.stdin.Close()
	return c.cmd.ProcessState.ExitCode(), c.stderr.String()
}
