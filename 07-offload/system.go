package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
)

// A System is what the sections use: web server, broker and worker, each a
// process of its own, and what is known of the jobs that were accepted.
type System struct {
	dir                 string
	broker, web, worker *Process
	jobs                *Client // of the broker
	complete            bool    // all sections have run, and the total is right

	life      sync.Mutex // held while something starts or writes a file, and forever once the system is closed
	processes []*Process // guarded by life

	mu    sync.Mutex
	known map[string]State // guarded by mu; the accepted jobs, by ID, with the last state seen
}

// Open starts the processes.
func (s *System) Open() {
	s.do(func() { s.dir = must1(os.MkdirTemp("", "offload")) })
	s.broker = s.start("broker", "-addr", "127.0.0.1:0", "-data", s.path("jobs"), "-lease", "600ms")
	s.web = s.start("web", "-addr", "127.0.0.1:0", "-broker", s.broker.URL, "-root", s.path("files"))
	s.worker = s.startWorker()
	s.jobs = NewClient(s.broker.URL, "")
	fmt.Print("\n     web ──jobs──> broker ──leases──> worker      each a process of its own\n" +
		"     (a lease: one worker has the job, for a limited time that heartbeats renew)\n")
}

func (s *System) startWorker() *Process {
	return s.start("worker", "-broker", s.broker.URL, "-concurrency", "4", "-heartbeat", "200ms",
		"-mail", s.path("mail"), "-root", s.path("files"), "-drain", "5s")
}

func (s *System) start(args ...string) (p *Process) {
	s.do(func() {
		p = must1(Start(args...))
		s.processes = append(s.processes, p)
	})
	return p
}

// do calls f, which starts a process or writes a file. Once the system is closed
// it blocks until the program ends, so f never leaves anything behind.
func (s *System) do(f func()) {
	s.life.Lock()
	defer s.life.Unlock()
	f()
}

// Close kills the processes and removes the folder. The program ends after it.
func (s *System) Close() {
	s.life.Lock() // and never unlocks it: see do
	for _, p := range s.processes {
		p.Kill()
	}
	os.RemoveAll(s.dir)
}

// closeOnSignal ends the program when it gets a signal, or when its reader has
// left (SIGPIPE): it calls cancel, closes the system and exits with status 1. So
// it does not matter what the other goroutines are blocked on. A second Ctrl-C
// ends the program immediately.
func (s *System) closeOnSignal(cancel context.CancelFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	go func() {
		received := <-signals
		signal.Reset(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		cancel()
		if received != syscall.SIGPIPE {
			fmt.Fprintf(os.Stderr, "\n07-offload: %v\n", received)
		}
		s.Close()
		os.Exit(1)
	}()
}

// finish, deferred by main, closes the system however the sections have ended,
// and exits with status 1 unless they are complete and the total is right.
func (s *System) finish(ctx context.Context) {
	v := recover()
	s.Close()
	switch err, failed := v.(failure); {
	case ctx.Err() != nil: // closeOnSignal prints why
	case failed:
		fmt.Fprintln(os.Stderr, "07-offload:", err.error)
	case v != nil:
		panic(v)
	}
	if ctx.Err() != nil || v != nil || !s.complete {
		os.Exit(1)
	}
}

// A failure is a panic of must.
type failure struct{ error }

// must ends the demo if this machine does not let it run.
func must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

func must1[T any](v T, err error) T {
	must(err)
	return v
}

func (s *System) path(name string) string { return filepath.Join(s.dir, name) }
func (s *System) mail() Maildir           { return Maildir(s.path("mail")) }

// note notes an accepted job and its state. An ended job is noted in time: the
// broker forgets it after a thousand others.
func (s *System) note(id string, state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]State)
	}
	s.known[id] = state
}

// A Total compares what was accepted with what became of it.
type Total struct {
	accepted, done, dead, canceled int
	lost                           int // none of these, or done without its email
	extra                          int // emails without a done job
	status                         int // of the worker, when it was asked to stop
}

func (t Total) right() bool { return t.lost == 0 && t.extra == 0 && t.status == 0 }

// total waits until all jobs have ended, stops the worker, and counts.
func (s *System) total(ctx context.Context) (t Total) {
	s.mu.Lock()
	known := maps.Clone(s.known)
	s.mu.Unlock()
	for id, state := range known {
		if !state.Ended() && state != lost {
			s.await(ctx, id)
		}
	}
	t.status = s.worker.Stop()
	noEmail := make(map[string]bool) // the done sign-ups, until their email is found
	for _, j := range s.list(ctx, "") {
		if j.State == Done && j.Kind == "welcome-mail" {
			noEmail[j.ID] = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range must1(s.mail().Delivered()) {
		if state := s.known[id]; state != Done && state != Cancelled { // canceled, but perhaps too late to stop it
			t.extra++
		}
		delete(noEmail, id)
	}
	count := make(map[State]int)
	for _, state := range s.known {
		count[state]++
	}
	t.accepted, t.done, t.dead, t.canceled = len(s.known), count[Done], count[Dead], count[Cancelled]
	t.lost = t.accepted - t.done - t.dead - t.canceled + len(noEmail)
	return t
}

// printTotal prints the total and reports whether it is right.
func (s *System) printTotal(ctx context.Context) bool {
	t := s.total(ctx)
	fmt.Printf("\n%s\n\n", painted{bold, "The total"})
	fmt.Printf("     accepted %d = done %d + dead %d + canceled %d\n", t.accepted, t.done, t.dead, t.canceled)
	fmt.Printf("     lost %d, extra emails %d, worker drained with exit status %d\n", t.lost, t.extra, t.status)
	if !t.right() {
		fmt.Printf("     %s\n", wrong("This is wrong: it should be 0, 0 and 0."))
	}
	return t.right()
}
