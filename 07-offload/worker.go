package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Jobs is where a worker gets its jobs: a *Client, or the *Broker itself.
type Jobs interface {
	Lease(ctx context.Context, worker string, kinds []string) (Job, error)
	Update(ctx context.Context, id string, u Update) error
}

// A Handler runs a job. It must return soon after ctx is done. A job may be
// delivered more than once (its worker may die before it reports the result), so
// a handler must be idempotent: the job's ID is the key. An error, a panic or
// runtime.Goexit is a failed attempt. No retry follows an error that wraps ErrPermanent.
type Handler func(ctx context.Context, t *Task) error

// ErrPermanent is for errors that a retry cannot fix.
var ErrPermanent = errors.New("permanent error")

// A Task is one attempt at a job.
type Task struct {
	ID       string
	Attempt  int
	Payload  json.RawMessage
	progress atomic.Pointer[Progress]
}

// Progress sets how far the task is, from 0 to its total. The next heartbeat, or the
// report that it is done, sends it.
func (t *Task) Progress(done, total int) {
	total = max(total, 0)
	t.progress.Store(&Progress{min(max(done, 0), total), total})
}

// A Worker runs up to Concurrency jobs at the same time.
type Worker struct {
	Name        string
	Jobs        Jobs
	Handlers    map[string]Handler // by kind of job
	Concurrency int
	Drain       time.Duration // how long Run waits for running jobs when its ctx is done
	Log         *slog.Logger

	stuck atomic.Int64 // slots whose handler ignores cancellation
}

var (
	errDraining = errors.New("the worker is stopping")
	errLost     = errors.New("the worker no longer has the lease")
	errStuck    = errors.New("the handler ignores its canceled context")
	errGoexit   = errors.New("the handler called runtime.Goexit")
)

// Run runs jobs until ctx is done. Then it leases no more jobs, waits for the
// running ones up to Drain, and cancels and releases the rest. It returns errStuck
// if handlers ignore that, but not if only a report takes long. If such handlers occupy
// all slots, it returns errStuck before ctx is done: only a restart can free the slots.
func (w *Worker) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx) // once it is done the worker leases no more jobs
	defer stop(nil)
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx)) // once it is done the running jobs must end
	defer cancel(nil)
	kinds := slices.Sorted(maps.Keys(w.Handlers))
	var slots sync.WaitGroup
	for range w.Concurrency { // a pool, as in chapter 05, whose queue is the broker's
		slots.Go(func() {
			for ctx.Err() == nil {
				j, err := w.Jobs.Lease(ctx, w.Name, kinds)
				if err == nil {
					w.do(work, j, stop)
				} else if sleep(ctx, rand.N(retryPause)) {
					w.Log.Warn("cannot lease a job", "error", err)
				}
			}
		})
	}
	<-ctx.Done()
	if context.Cause(ctx) == errStuck {
		return fmt.Errorf("all %d slots are occupied: %w", w.Concurrency, errStuck)
	}
	defer time.AfterFunc(w.Drain, func() { cancel(errDraining) }).Stop()
	ended := make(chan struct{})
	go func() {
		slots.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(w.Drain + w.Drain/2 + time.Second + reportLimit): // for the handlers to return, and a report
		return errStuck
	}
}

// do runs one job and reports the result. It calls stop when the last slot is stuck.
//
// Four contexts end, from the longest to the shortest: ctx when the worker's drain is over;
// held when ctx is done or the lease is lost; attempt, which the handler gets, when held is
// done or the deadline passes; beating, for the heartbeats, when held is done or attempt is
// before the handler returns. Two timers: expiring ends held, overdue counts the slot as stuck.
func (w *Worker) do(ctx context.Context, j Job, stop context.CancelCauseFunc) {
	log := w.Log.With("job", j.ID, "kind", j.Kind, "attempt", j.Attempts)
	lease := time.Until(j.Expires)
	if lease < time.Millisecond {
		log.Warn("not started: its lease expired in transit")
		return
	}
	log.Info("started")
	held, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	// When the lease expires another worker may get the job. So without a heartbeat that
	// succeeds the job is canceled a tenth of the lease earlier: its handler has time to return.
	expiring := time.AfterFunc(lease*9/10, func() { lose(errLost) })
	defer expiring.Stop()
	attempt, cancel := context.WithTimeout(held, j.Policy.Deadline)
	defer cancel()
	t := &Task{ID: j.ID, Attempt: j.Attempts, Payload: j.Payload}
	t.Progress(0, 0)
	result := make(chan error, 1)
	go func() {
		err := errGoexit // unless the handler returns or panics
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
			}
			result <- err
		}()
		err = copyOf(w.Handlers[j.Kind](attempt, t)) // here, where a panic is recovered
	}()
	beating, silence := context.WithCancel(held)
	defer silence()
	go w.renew(beating, j, t, lease, expiring, lose)
	var err error
	select {
	case err = <-result:
	case <-attempt.Done():
		silence() // no more heartbeats: if the handler does not return, another worker must get the job
		// A goroutine cannot be stopped from outside. If the handler does not return, its slot stays
		// occupied: with another job there would be more than Concurrency at the same time.
		overdue := time.AfterFunc(lease/3, func() {
			log.Error(errStuck.Error(), "cause", context.Cause(attempt))
			if w.stuck.Add(1) == int64(w.Concurrency) {
				stop(errStuck)
			}
		})
		if err = <-result; !overdue.Stop() {
			w.stuck.Add(-1)
		}
	}
	w.report(ctx, context.Cause(held), log, j, t, err)
}

// renew sends heartbeats until ctx is done: three in a lease, so that one may be lost.
func (w *Worker) renew(ctx context.Context, j Job, t *Task, lease time.Duration, expiring *time.Timer, lose context.CancelCauseFunc) {
	beat := time.NewTicker(lease / 3)
	defer beat.Stop()
	for {
		select {
		case sent := <-beat.C:
			call, cancel := context.WithTimeout(ctx, lease/3)
			err := w.Jobs.Update(call, j.ID, Update{Token: j.Token, Event: Heartbeat, Progress: *t.progress.Load()})
			cancel()
			switch {
			case err == nil:
				expiring.Reset(time.Until(sent.Add(lease * 9 / 10)))
			case errors.Is(err, ErrFenced), errors.Is(err, ErrNotFound):
				lose(errLost) // the job was canceled, or another worker has it
			}
		case <-ctx.Done():
			return
		}
	}
}

// reportLimit is how long a worker waits for the broker's answer to a report.
const reportLimit = 5 * time.Second

// report reports the result of an attempt, unless it has failed because its lease is lost.
// While the broker is unavailable it retries until ctx is done, because to repeat the job
// costs more. A broker that was restarted accepts the report: it renews all leases.
func (w *Worker) report(ctx context.Context, cause error, log *slog.Logger, j Job, t *Task, err error) {
	if err != nil && cause == errLost {
		log.Warn("canceled", "cause", cause)
		return
	}
	u := Update{Token: j.Token, Event: Finished, Progress: *t.progress.Load()}
	switch {
	case err != nil && cause == errDraining:
		u.Event = Released
	case err != nil:
		u.Event, u.Error, u.Permanent = Failed, err.Error(), errors.Is(err, ErrPermanent)
	}
	for {
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportLimit)
		rejected := w.Jobs.Update(call, j.ID, u)
		cancel()
		if !errors.Is(rejected, ErrUnavailable) || !sleep(ctx, rand.N(retryPause)) {
			log.Info("reported", "error", err, "rejected", rejected)
			return
		}
	}
}

// A failure is a handler's error without its methods, which could panic in report.
type failure struct {
	text      string
	permanent bool // it wraps ErrPermanent
}

func (f failure) Error() string        { return f.text }
func (f failure) Is(target error) bool { return f.permanent && target == ErrPermanent }

func copyOf(err error) error {
	if err == nil {
		return nil
	}
	return failure{err.Error(), errors.Is(err, ErrPermanent)}
}

// retryPause is the longest time before another call of a broker that is not available.
const retryPause = time.Second / 2

// sleep sleeps for d and returns true, or false as soon as ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
