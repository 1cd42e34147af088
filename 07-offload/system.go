package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Process is a role of this program that runs in a process of its own.
type Process struct {
	URL   string // where it listens, if it does
	args  []string
	cmd   *exec.Cmd
	stdin io.Closer     // the role ends when this is closed: at the latest when this process ends
	ended chan struct{} // closed when it has

	mu  sync.Mutex
	log strings.Builder // guarded by mu; its standard error
}

const asRole = "OFFLOAD_ROLE" // set for children, so that a test binary plays a role, too

// Start returns when the role is ready.
func Start(args ...string) (*Process, error) {
	p := &Process{args: args}
	return p, p.Restart()
}

// Restart starts the process again, at the same address. If another program has its port
// now, Restart retries.
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
				_, p.URL, _ = strings.Cut(at, " at ")
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

// Kill ends the process as a crash does. It may be called again, and by several goroutines.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.ended
}

func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// A System has a web server, a broker and a worker, each a process of its own.
type System struct {
	dir                 string
	broker, web, worker *Process
	jobs, site          *Client // of the broker and of the web server

	life      sync.Mutex // held while something starts or writes a file, and forever once the system is closed
	processes []*Process // guarded by life
}

var demo = new(System)

func (s *System) Open() {
	s.do(func() (err error) {
		s.dir, err = os.MkdirTemp("", "offload")
		return err
	})
	s.broker = s.start("broker", "-addr", "127.0.0.1:0", "-data", s.path("jobs"), "-lease", "600ms")
	s.web = s.start("web", "-addr", "127.0.0.1:0", "-broker", s.broker.URL)
	s.worker = s.startWorker()
	s.jobs, s.site = NewClient(s.broker.URL), NewClient(s.web.URL)
	fmt.Print("\n     web ──jobs──> broker ──leases──> worker      each a process of its own\n" +
		"     (a lease: the broker lends the job to one worker)\n")
}

func (s *System) startWorker() *Process {
	return s.start("worker", "-broker", s.broker.URL, "-mail", s.path("mail"))
}

func (s *System) start(args ...string) (p *Process) {
	s.do(func() (err error) {
		if p, err = Start(args...); err == nil {
			s.processes = append(s.processes, p)
		}
		return err
	})
	return p
}

// do calls f, which starts a process or writes a file. Once the system is closed,
// do blocks, so f never leaves anything behind.
func (s *System) do(f func() error) {
	s.life.Lock()
	err := f()
	s.life.Unlock()
	must(err)
}

// Close kills the processes and removes the folder. The program must end
// then: a second call of Close blocks.
func (s *System) Close() {
	s.life.Lock() // and never unlocks it: see do
	for _, p := range s.processes {
		p.Kill()
	}
	os.RemoveAll(s.dir)
}

func (s *System) path(name string) string { return filepath.Join(s.dir, name) }

// closeOnSignal ends the program when it receives a signal, or when the reader of its output
// has exited (SIGPIPE): it closes the system and exits, whatever the other goroutines are blocked
// on. A second Ctrl-C ends the program immediately.
func (s *System) closeOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		received := <-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		s.Close()
		if received != syscall.SIGPIPE {
			fmt.Fprintf(os.Stderr, "\n07-offload: %v\n", received)
		}
		os.Exit(1)
	}()
}

// must prints an error and ends the demo. If closeOnSignal is ending it already, must
// blocks in Close, and does not print the error, which is a consequence.
func must(err error) {
	if err != nil {
		demo.Close()
		fmt.Fprintln(os.Stderr, "07-offload:", err)
		os.Exit(1)
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

func supported(letter string, measured bool) string {
	if measured {
		return letter
	}
	return ""
}

func payload(email string) json.RawMessage { return must1(json.Marshal(Signup{"Ada", email})) }

func (s *System) signUp(ctx context.Context, email string) (id string, took time.Duration) {
	began := time.Now()
	j := must1(call[Job](ctx, s.site, "POST", "/signups", Signup{"Ada", email}))
	return j.ID, time.Since(began)
}

func (s *System) await(ctx context.Context, id string) Job {
	return s.until(ctx, id, func(j Job) bool { return j.State.Ended() })
}

// until waits until a job is as wanted, or lost: accepted, but not known to the broker.
func (s *System) until(ctx context.Context, id string, wanted func(Job) bool) Job {
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); sleep(ctx, 5*time.Millisecond) {
		j, err := s.jobs.Get(ctx, id)
		switch {
		case errors.Is(err, ErrNotFound):
			return Job{ID: id, State: "lost"}
		case err == nil && wanted(j):
			return j
		case err != nil && !errors.Is(err, ErrUnavailable):
			must(err)
		}
	}
	must(fmt.Errorf("job %s makes no progress", id))
	return Job{}
}

// running signs up, and waits until a worker runs the job, or has run it.
func (s *System) running(ctx context.Context) Job {
	id, _ := s.signUp(ctx, "ada@slow.test")
	return s.until(ctx, id, func(j Job) bool { return j.State == Running || j.State.Ended() })
}

func (s *System) newsletter(ctx context.Context) (id string) {
	addresses, _ := json.Marshal(slices.Repeat([]string{"ada@example.com"}, 200)) // strings, so there is no error
	return must1(s.jobs.Enqueue(ctx, NewJob{Kind: "newsletter", Payload: addresses})).ID
}
