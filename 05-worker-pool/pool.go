package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

var (
	// ErrFull is returned by TrySubmit when every place in the queue is taken.
	ErrFull = errors.New("pool: queue is full")
	// ErrClosed is returned for a task that comes after Close.
	ErrClosed = errors.New("pool: closed")

	errAllDone = errors.New("pool: all done") // why a pool stopped that nothing else stopped
)

// A Pool does tasks on a fixed number of goroutines, its workers. As many tasks
// as its queue has room for wait their turn, first come, first served.
//
// All methods may be called by any number of goroutines at the same time. But a
// task must not call those of its own pool: if every worker waited for room in
// the queue, nobody would be left to make any.
type Pool[T any] struct {
	do        func(context.Context, T) error
	keepGoing bool
	tasks     chan T
	workers   sync.WaitGroup

	ctx  context.Context // given to the tasks
	stop context.CancelCauseFunc

	closing sync.RWMutex // held for reading during a send to tasks: a send on a closed channel panics
	closed  bool         // guarded by closing

	mu   sync.Mutex
	errs []error // guarded by mu; only with keepGoing
}

// Config says how a pool works.
type Config struct {
	Workers int // how many tasks are done at once; fewer than 1 count as 1
	Queue   int // how many more may wait; fewer than 0 count as 0

	// KeepGoing: an error does not stop the pool; Close returns all of them,
	// joined. Without it the first error cancels the context of the tasks under
	// way, drops those that wait, and is what Submit and Close return.
	KeepGoing bool
}

// NewPool starts the workers of a pool that calls do for every task. The context
// given to do ends when ctx does or the pool stops; a panic in do is an error, a
// *PanicError.
//
// Whoever makes a pool must call Close, or its workers wait for tasks for ever.
func NewPool[T any](ctx context.Context, c Config, do func(context.Context, T) error) *Pool[T] {
	p := &Pool[T]{do: do, keepGoing: c.KeepGoing, tasks: make(chan T, max(c.Queue, 0))}
	p.ctx, p.stop = context.WithCancelCause(ctx)
	for range max(c.Workers, 1) {
		p.workers.Go(p.work)
	}
	return p
}

// work is the life of a worker: it ends when the queue is closed and empty.
func (p *Pool[T]) work() {
	for task := range p.tasks {
		if p.ctx.Err() != nil {
			continue // stopped: empty the queue, so that nobody waits for room in it
		}
		if err := p.attempt(task); err != nil {
			p.failed(err)
		}
	}
}

// attempt does one task and turns a panic into an error.
func (p *Pool[T]) attempt(task T) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return p.do(p.ctx, task)
}

func (p *Pool[T]) failed(err error) {
	if !p.keepGoing {
		p.stop(err) // of several errors the first one counts
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, err)
}

// Submit puts a task into the queue. If that is full it waits for room: so
// whoever submits goes no faster than the workers do (backpressure). It returns
// nil if the task is in the queue; ErrClosed after Close; the cause if ctx ends
// first or the pool has stopped.
func (p *Pool[T]) Submit(ctx context.Context, task T) error {
	if !p.closing.TryRLock() { // it fails only when Close has the lock, or waits for it
		return ErrClosed
	}
	defer p.closing.RUnlock()
	// First without waiting: a select whose cases are all ready takes any of them,
	// and so might send to a pool that has stopped.
	if err := p.put(task); err != ErrFull {
		return err
	}
	select {
	case p.tasks <- task:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	}
}

// TrySubmit puts a task into the queue if there is room, and never waits. It
// returns ErrFull if there is none, and else what Submit does.
func (p *Pool[T]) TrySubmit(task T) error {
	if !p.closing.TryRLock() {
		return ErrClosed
	}
	defer p.closing.RUnlock()
	return p.put(task)
}

// put is TrySubmit with closing held for reading.
func (p *Pool[T]) put(task T) error {
	if p.closed {
		return ErrClosed
	}
	if p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	select {
	case p.tasks <- task:
		return nil
	default:
		return ErrFull
	}
}

// Close takes no more tasks, waits until all in the queue are done, and ends the
// workers. It returns nil if all went well, else the error that stopped the pool
// (the cause, if it was that ctx had ended), or with KeepGoing all errors. It may
// be called again, with the same result.
func (p *Pool[T]) Close() error {
	p.closing.Lock() // waits for the Submits that have begun
	if !p.closed {
		p.closed = true
		close(p.tasks)
	}
	p.closing.Unlock()
	p.workers.Wait()

	p.stop(errAllDone) // of no effect if something stopped it before
	p.mu.Lock()
	defer p.mu.Unlock()
	switch cause := context.Cause(p.ctx); {
	case cause == errAllDone:
		return errors.Join(p.errs...) // nil if there are none
	case len(p.errs) == 0:
		return cause
	default:
		return errors.Join(append(p.errs, cause)...)
	}
}

// A PanicError is the panic of a task.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // where, as the runtime prints it: for the log
}

func (e *PanicError) Error() string { return fmt.Sprint("panic: ", e.Value) }
