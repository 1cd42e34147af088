package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Jobs is where a worker gets its jobs: a *Client, or in tests the *Broker itself.
type Jobs interface {
	Lease(ctx context.Context, worker, token string) (Job, error)
	Abandon(ctx context.Context, token string) error
	Heartbeat(ctx context.Context, id, token string, p Progress) error
	Finish(ctx context.Context, id, token string, p Progress) error
	Fail(ctx context.Context, id, token, why string) error
	Release(ctx context.Context, id, token string) error
}

// A Handler does a job. It must stop soon when ctx ends. A job can come twice
// (its worker died before it could say that it was done), so whatever a handler
// does must have its effect once however often it is done: it has the job's ID
// to tell by. An error, or a panic, is a failed attempt.
type Handler func(ctx context.Context, t *Task) error

// A Mux has the handlers by kind, as http.ServeMux has them by path.
type Mux map[string]Handler

// A Task is a job at work.
type Task struct {
	ID       string
	Attempt  int
	Payload  json.RawMessage
	progress atomic.Pointer[Progress]
}

// Progress notes how far the task is; the next heartbeat takes it along.
func (t *Task) Progress(done, total int) { t.progress.Store(&Progress{done, total}) }

func (t *Task) soFar() (p Progress) {
	if now := t.progress.Load(); now != nil {
		p = *now
	}
	return p
}

// A Worker does jobs: Concurrency at once, and never more.
type Worker struct {
	Name        string
	Jobs        Jobs
	Mux         Mux
	Concurrency int
	Beat        time.Duration // between two heartbeats; a third of the broker's lease is good
	Drain       time.Duration // how long to wait for tasks under way when told to stop
	Log         *slog.Logger
}

var (
	errDraining = errors.New("the worker is stopping")
	errLost     = errors.New("the job is not this worker's any more")
	errStuck    = errors.New("stuck: the handler did not return at its deadline")
)

// Run takes jobs and does them until ctx ends. Then it takes no more, waits for
// those under way, up to Drain, cancels the rest and hands them back. It returns
// when all has ended, or when a handler that does not listen can't be waited for
// any longer; those are the stuck ones.
func (w *Worker) Run(ctx context.Context) (stuck int) {
	work, give := context.WithCancelCause(context.WithoutCancel(ctx))
	defer give(nil)
	var slots sync.WaitGroup
	var busy atomic.Int64
	for range w.Concurrency { // a pool, as in chapter 05, whose queue is the broker's
		slots.Go(func() {
			for pause := time.Duration(0); ctx.Err() == nil; {
				token := rand.Text()
				j, err := w.Jobs.Lease(ctx, w.Name, token)
				if err != nil {
					// Perhaps there was a job, and only the answer did not come through.
					call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
					w.Jobs.Abandon(call, token) // else its lease will end
					cancel()
					if ctx.Err() == nil {
						pause = min(max(2*pause, 50*time.Millisecond), 2*time.Second)
						w.Log.Warn("no broker", "error", err, "again in", pause)
						sleep(ctx, pause)
					}
					continue
				}
				pause = 0
				busy.Add(1)
				w.do(work, j)
				busy.Add(-1)
			}
		})
	}
	<-ctx.Done()
	ended := make(chan struct{})
	go func() {
		slots.Wait()
		close(ended)
	}()
	if within(ended, w.Drain) {
		return 0
	}
	give(errDraining)
	if within(ended, w.Drain/2+time.Second) { // time to hand back what listens
		return 0
	}
	return int(busy.Load())
}

// do does one job and tells the broker what came of it.
func (w *Worker) do(ctx context.Context, j Job) {
	log := w.Log.With("job", j.ID, "kind", j.Kind, "attempt", j.Attempts)
	log.Info("begun")
	ctx, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	attempt := ctx
	if j.Policy.Deadline > 0 {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, j.Policy.Deadline)
		defer cancel()
	}
	t := &Task{ID: j.ID, Attempt: j.Attempts, Payload: j.Payload}
	result := make(chan error, 1)
	go func() { result <- w.call(attempt, t, j.Kind) }()

	beat := time.NewTicker(w.Beat)
	defer beat.Stop()
	over := attempt.Done()
	var grace <-chan time.Time
	reported := false
	for {
		select {
		case err := <-result:
			if !reported {
				w.report(ctx, log, j, t, err)
			}
			return
		case <-over:
			// A nil channel is never ready: so this case comes once. Now a handler that listens has time to end.
			over, grace = nil, time.After(w.Beat)
		case <-grace:
			// It does not listen. The attempt has failed, and may be made again elsewhere. But
			// this goroutine can't be stopped, so its slot stays taken: to begin another task
			// would be more at once than Concurrency.
			log.Error("stuck: its handler does not return", "because", context.Cause(attempt))
			if ctx.Err() == nil {
				reported = true
				w.report(ctx, log, j, t, errStuck)
			}
		case <-beat.C:
			if attempt.Err() != nil {
				continue
			}
			call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*w.Beat)
			err := w.Jobs.Heartbeat(call, j.ID, j.Token, t.soFar())
			cancel()
			if errors.Is(err, ErrFenced) || errors.Is(err, ErrNotFound) {
				lose(errLost) // cancelled, or given to another worker
			}
		}
	}
}

// call calls the handler and turns a panic into an error, with its stack.
func (w *Worker) call(ctx context.Context, t *Task, kind string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	h := w.Mux[kind]
	if h == nil {
		return fmt.Errorf("this worker knows no %q", kind)
	}
	return h(ctx, t)
}

// report tells the broker, and does not give up as long as the broker is away
// and the worker goes on: to do it all again would be dearer.
func (w *Worker) report(ctx context.Context, log *slog.Logger, j Job, t *Task, err error) {
	what := "done"
	tell := func(ctx context.Context) error { return w.Jobs.Finish(ctx, j.ID, j.Token, t.soFar()) }
	switch {
	case err == nil:
	case context.Cause(ctx) == errLost:
		log.Warn("given up", "because", errLost)
		return
	case context.Cause(ctx) == errDraining:
		what = "handed back"
		tell = func(ctx context.Context) error { return w.Jobs.Release(ctx, j.ID, j.Token) }
	default:
		what = "failed"
		tell = func(ctx context.Context) error { return w.Jobs.Fail(ctx, j.ID, j.Token, err.Error()) }
	}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		told := tell(call)
		cancel()
		if told == nil {
			log.Info(what, "error", err)
			return
		}
		if !errors.Is(told, ErrUnavailable) {
			log.Warn("nobody wants to know", "what", what, "because", told)
			return
		}
		if ctx.Err() != nil || !sleep(ctx, pause) {
			return // the lease will end
		}
	}
}

// sleep waits for d, or returns false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// within waits for c to be closed, d at most.
func within(c <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
