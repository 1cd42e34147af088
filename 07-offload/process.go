package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Process is one role of this program in a process of its own. It can be
// killed as by a crash, and started again as it was.
type Process struct {
	URL   string // where it listens, if it does
	args  []string
	cmd   *exec.Cmd
	stdin io.Closer     // the role ends when this is closed: at the latest when this process ends
	ended chan struct{} // closed when it has
	logs  *logs
}

// logs is what a process says on standard error.
type logs struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

// asRole is set for children, so that a test binary plays its role too, and so that
// they end when their standard input does.
const asRole = "OFFLOAD_ROLE"

// Start starts a role and returns when it is ready.
func Start(args ...string) (*Process, error) {
	p := &Process{args: args, logs: &logs{}}
	return p, p.Restart()
}

// Restart starts it again, at the same address. Meanwhile another program may have
// been given its port; most release it soon.
func (p *Process) Restart() error {
	for limit := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := p.start()
		if err == nil || !strings.Contains(err.Error(), ": bind: ") || time.Now().After(limit) {
			return err
		}
	}
}

func (p *Process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := p.args
	if p.URL != "" {
		args = append(args[:len(args):len(args)], "-addr", strings.TrimPrefix(p.URL, "http://"))
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asRole+"=1", "GORACE=atexit_sleep_ms=0")
	stderr, err1 := cmd.StderrPipe()
	stdin, err2 := cmd.StdinPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return err
	}
	ready, ended := make(chan string, 1), make(chan struct{})
	p.cmd, p.stdin, p.ended = cmd, stdin, ended
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			p.logs.add(lines.Text())
			if what, ok := strings.CutPrefix(lines.Text(), args[0]+": ready"); ok {
				ready <- what
			}
		}
		close(ready)
		io.Copy(io.Discard, stderr)
		cmd.Wait() // only now: Wait closes the pipe
		close(ended)
	}()
	select {
	case what, ok := <-ready:
		if !ok {
			<-ended
			return fmt.Errorf("%s ended before it was ready: %s", args[0], p.Log())
		}
		if url, ok := strings.CutPrefix(what, " at "); ok {
			p.URL = url
		}
		return nil
	case <-time.After(30 * time.Second):
		cmd.Process.Kill()
		return fmt.Errorf("%s is not ready after 30 s: %s", args[0], p.Log())
	}
}

// Kill ends it as a crash does: without a word. It may be called again, and by
// several goroutines.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// Stop asks it to end, and returns its exit status. It does so by SIGTERM, as
// whatever runs a server does; on Windows, which has no signals, by the end of its
// standard input.
func (p *Process) Stop() (status int) {
	if runtime.GOOS == "windows" {
		p.stdin.Close()
	} else {
		p.cmd.Process.Signal(syscall.SIGTERM)
	}
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// Log returns what it has said so far.
func (p *Process) Log() string {
	p.logs.mu.Lock()
	defer p.logs.mu.Unlock()
	return strings.Join(p.logs.lines, "\n")
}

func (l *logs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}
