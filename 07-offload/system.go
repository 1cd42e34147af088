package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
)

// A System is what the sections use: web server, broker and worker, each a
// process of its own.
type System struct {
	dir                 string
	broker, web, worker *Process
	jobs, site          *Client // of the broker and of the web server

	life      sync.Mutex // held while something starts or writes a file, and forever once the system is closed
	processes []*Process // guarded by life
}

// demo is the system of the program. Tests have others.
var demo = new(System)

// Open starts the processes.
func (s *System) Open() {
	s.do(func() (err error) {
		s.dir, err = os.MkdirTemp("", "offload")
		return err
	})
	s.broker = s.start("broker", "-addr", "127.0.0.1:0", "-data", s.path("jobs"), "-lease", "600ms")
	s.web = s.start("web", "-addr", "127.0.0.1:0", "-broker", s.broker.URL)
	s.worker = s.startWorker()
	s.jobs, s.site = NewClient(s.broker.URL, ""), NewClient(s.web.URL, "")
	fmt.Print("\n     web ──jobs──> broker ──leases──> worker      each a process of its own\n" +
		"     (a lease: one worker has the job, for a limited time that heartbeats renew)\n")
}

func (s *System) startWorker() *Process {
	return s.start("worker", "-broker", s.broker.URL, "-mail", s.path("mail"), "-root", s.path("files"))
}

func (s *System) start(args ...string) (p *Process) {
	s.do(func() (err error) {
		p, err = Start(args...)
		s.processes = append(s.processes, p)
		return err
	})
	return p
}

// do calls f, which starts a process or writes a file. Once the system is closed
// it blocks until the program ends, so f never leaves anything behind.
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

// closeOnSignal ends the program when it receives a signal, or when its reader has
// left (SIGPIPE): it prints the signal, closes the system and exits with status 1,
// whatever the other goroutines are blocked on. A second Ctrl-C ends the program
// immediately.
func (s *System) closeOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		received := <-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		if received != syscall.SIGPIPE {
			fmt.Fprintf(os.Stderr, "\n07-offload: %v\n", received)
		}
		s.Close()
		os.Exit(1)
	}()
}

// must prints an error and ends the demo. If closeOnSignal is ending it already, must
// only blocks: the error is a consequence.
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
