package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// A Process is one role of this program in a process of its own. It can be
// killed, as by a crash, and restarted.
type Process struct {
	URL   string // where it listens, if it does
	args  []string
	cmd   *exec.Cmd
	stdin io.Closer     // the role ends when this is closed: at the latest when this process ends
	ended chan struct{} // closed when it has

	mu  sync.Mutex
	log strings.Builder // guarded by mu; its standard error
}

// asRole is set for children, so that a test binary plays its role too, and so that
// they end when their standard input does.
const asRole = "OFFLOAD_ROLE"

// Start starts a role and returns when it is ready.
func Start(args ...string) (*Process, error) {
	p := &Process{args: args}
	return p, p.Restart()
}

// Restart starts it again, at the same address. If another program has its port
// now, Restart retries for 10 s.
func (p *Process) Restart() (err error) {
	for range 200 {
		if err = p.start(); err == nil || !strings.Contains(err.Error(), ": bind: ") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

func (p *Process) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.Command(self, p.args...)
	if p.URL != "" {
		p.cmd.Args = append(p.cmd.Args, "-addr", strings.TrimPrefix(p.URL, "http://"))
	}
	p.cmd.Env = append(os.Environ(), asRole+"=1", "GORACE=atexit_sleep_ms=0")
	p.cmd.SysProcAttr = ownGroup
	stderr, err1 := p.cmd.StderrPipe()
	stdin, err2 := p.cmd.StdinPipe()
	if err := errors.Join(err1, err2, p.cmd.Start()); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	p.stdin, p.ended = stdin, make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			fmt.Fprintln(&p.log, lines.Text())
			p.mu.Unlock()
			if at, ok := strings.CutPrefix(lines.Text(), p.args[0]+": ready"); ok {
				if url, ok := strings.CutPrefix(at, " at "); ok {
					p.URL = url
				}
				ready <- true
			}
		}
		close(ready)
		io.Copy(io.Discard, stderr)
		p.cmd.Wait() // only now: Wait closes the pipe
		close(p.ended)
	}()
	if !<-ready {
		<-p.ended
		return fmt.Errorf("%s ended before it was ready: %s", p.args[0], p.Log())
	}
	return nil
}

// Kill ends it as a crash does. It may be called again, and by several goroutines.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

// Log returns what it has logged so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}
