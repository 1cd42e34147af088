package main

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

var (
	ErrFull    = errors.New("pool: queue is full") // only TrySubmit returns it
	ErrClosed  = errors.New("pool: closed")        // a task was submitted after Close
	ErrStopped = errors.New("pool: stopped")       // a task was submitted after an error or a cancellation

	errEnded = errors.New("the pool that this context belongs to has ended")
)

// A Pool runs tasks on a fixed number of goroutines, its workers. Tasks that no
// worker has begun are in its queue: first in, first out.
//
// Any number of goroutines may call its methods at the same time. But a task must
// not call Submit or Close of its own pool: it may be running on the only worker.
type Pool[T any] struct {
	do       func(context.Context, T) error
	tasks    chan T
	workers  sync.WaitGroup
	idle     atomic.Int64 // workers that are not in a task
	failures failures

	parent context.Context // of the caller
	ctx    context.Context // derived from parent, for the tasks
	stop   context.CancelCauseFunc
	closed atomic.Bool
	users  atomic.Int64 // calls that may send to tasks, plus 1 until Close; when it is 0, tasks is closed

	end sync.Once // sets err when the workers have ended
	err error     // what Close returns
}

// Config configures a pool. The zero Config is one worker without a queue.
type Config struct {
	Workers int // how many tasks run at the same time; fewer than 1 count as 1
	Queue   int // how many more may wait for a worker; fewer than 0 count as 0

	// KeepGoing keeps the pool running after an error; Close returns all errors. If
	// it is false, the first error stops the pool: the context of the tasks that are
	// running is canceled, and the tasks in the queue are dropped.
	KeepGoing bool
}

// NewPool starts the workers of a pool that calls do for every task. The context
// given to do is canceled when ctx is, when an error stops the pool, and at the
// latest when Close returns. If ctx is done, the pool has stopped, too. A panic in
// do is an error (a *PanicError), and so is runtime.Goexit (ErrGoexit): neither
// costs the pool a worker.
//
// The caller must call Close. Otherwise the workers leak: they block forever.
func NewPool[T any](ctx context.Context, c Config, do func(context.Context, T) error) *Pool[T] {
	p := &Pool[T]{do: do, parent: ctx, tasks: make(chan T, max(c.Queue, 0))}
	p.ctx, p.stop = context.WithCancelCause(ctx)
	p.failures.keepAll, p.failures.parent = c.KeepGoing, ctx
	p.users.Store(1)
	p.idle.Store(int64(max(c.Workers, 1)))
	for range max(c.Workers, 1) {
		p.workers.Go(p.work)
	}
	return p
}

// work is what a worker does.
func (p *Pool[T]) work() {
	var task T
	var err error
	defer func() {
		if err != nil { // a panic or Goexit has ended this goroutine: another one takes its place
			p.ended(task, err)
			p.workers.Go(p.work)
		}
	}()
	defer recovered(&err)
	for task = range p.tasks {
		if p.refusal(p.parent) != nil {
			continue // the task is dropped
		}
		p.idle.Add(-1)
		err = ErrGoexit // unless do returns or panics
		err = p.do(p.ctx, task)
		p.ended(task, err)
		err = nil
	}
}

func (p *Pool[T]) ended(task T, err error) {
	if err != nil {
		p.failures.add(p.ctx, p.stop, task, err)
	}
	p.idle.Add(1)
}

// Submit puts a task into the queue, and blocks while the queue is full
// (backpressure). If it returns nil, the task is in the queue, and it runs unless
// the pool stops first. Otherwise the task does not run, and the error is
// ErrClosed after Close, ErrStopped if the pool has stopped (Close returns the
// reason), or context.Cause(ctx) if ctx is done. A Submit that blocks when Close is
// called stays blocked until the queue has a free slot, or Submit fails.
func (p *Pool[T]) Submit(ctx context.Context, task T) error {
	if !p.enter() {
		return ErrClosed
	}
	defer p.leave()
	// Before the select: of several cases that are ready, select takes any.
	if err := p.refusal(ctx); err != nil {
		return err
	}
	select { // with one case it is quick, with three it locks three channels
	case p.tasks <- task:
		return nil
	default:
	}
	select {
	case p.tasks <- task:
		return nil
	case <-ctx.Done():
	case <-p.ctx.Done():
	}
	return p.refusal(ctx)
}

// TrySubmit puts a task into the queue if the queue has a free slot or a worker is
// idle, and otherwise returns ErrFull. It does not block. After Close it returns
// ErrClosed. If the pool has stopped, it returns ErrStopped.
func (p *Pool[T]) TrySubmit(task T) error {
	if !p.enter() {
		return ErrClosed
	}
	defer p.leave()
	for {
		if err := p.refusal(p.parent); err != nil {
			return err
		}
		busy := p.idle.Load() == 0 // before the send: after it fails, a worker may free a slot and be busy
		select {
		case p.tasks <- task:
			return nil
		default:
			if busy {
				return ErrFull
			}
			runtime.Gosched() // an idle worker has not reached its receive yet
		}
	}
}

// refusal returns why a pool takes no task from a caller with ctx, or nil.
func (p *Pool[T]) refusal(ctx context.Context) error {
	if ctx.Err() == nil && p.ctx.Err() == nil {
		return nil
	}
	if p.ctx.Err() == nil && p.parent.Err() == nil { // p.ctx is canceled a moment after parent
		return context.Cause(ctx)
	}
	p.failures.cutShort()
	return ErrStopped
}

// enter reports whether the caller may send to tasks. If so, it must call leave.
func (p *Pool[T]) enter() bool {
	for n := p.users.Load(); n > 0 && !p.closed.Load(); n = p.users.Load() {
		if p.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (p *Pool[T]) leave() {
	if p.users.Add(-1) == 0 {
		close(p.tasks) // no goroutine can send to it any more
	}
}

// Close accepts no more tasks, waits until those in the queue are done, and ends
// the workers. To bound the wait, cancel the context given to NewPool. Close
// returns nil if every task succeeded, otherwise the first error, or with KeepGoing
// all errors, each a *TaskError. If that context has kept a task from being accepted,
// begun or completed, its cause is joined to them: errors.Is finds each. Close may be
// called again, and returns the same.
func (p *Pool[T]) Close() error {
	if p.closed.CompareAndSwap(false, true) {
		p.leave()
	}
	p.workers.Wait()
	p.end.Do(func() {
		p.stop(cmp.Or(context.Cause(p.parent), errEnded)) // no effect if it has stopped before
		p.err = p.failures.join(p.ctx)
	})
	return p.err
}
