package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// ErrGoexit is the error of a task that called runtime.Goexit, as t.FailNow does.
var ErrGoexit = errors.New("runtime.Goexit called")

// A TaskError says which task failed.
type TaskError struct {
	Task any // as submitted to a Pool; Map has its index in the slice
	Err  error
}

// Error has the task as fmt prints it: give a large type a String method.
func (e *TaskError) Error() string { return fmt.Sprintf("task %v: %v", e.Task, e.Err) }
func (e *TaskError) Unwrap() error { return e.Err }

// A PanicError is the panic of a task.
type PanicError struct {
	Value any    // the argument of panic
	Stack []byte // where it was called: for the log
}

func (e *PanicError) Error() string { return fmt.Sprint("panic: ", e.Value) }

// Unwrap returns the argument of panic if it is an error.
func (e *PanicError) Unwrap() error { err, _ := e.Value.(error); return err }

// recovered turns a panic into an error. It must be deferred itself: recover has
// no effect in a function that a deferred function calls.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{v, debug.Stack()}
	}
}

// failures decides which errors a Pool or Map returns.
type failures struct {
	keepAll bool
	parent  context.Context // of the caller; the context of the tasks is derived from it

	mu   sync.Mutex
	errs []error // guarded by mu
	cut  bool    // a task was not begun or not completed; guarded by mu
}

func (f *failures) cutShort() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
}

// add records the error of a task that was run with ctx, which stop cancels. An
// error that only follows from the cancellation of ctx is not a first error.
func (f *failures) add(ctx context.Context, stop context.CancelCauseFunc, task any, err error) {
	if f.parent.Err() != nil {
		stop(context.Cause(f.parent)) // otherwise parent cancels ctx a moment later
	}
	canceled := ctx.Err() != nil
	follows := canceled && followsFrom(ctx, err)
	failed := &TaskError{task, err}
	f.mu.Lock() // not before followsFrom, which calls methods of err: they could block
	defer f.mu.Unlock()
	f.cut = f.cut || canceled
	if !f.keepAll && (follows || len(f.errs) > 0) {
		return
	}
	f.errs = append(f.errs, failed)
	if !f.keepAll {
		stop(failed) // the first error stops the rest
	}
}

// followsFrom reports whether an error only says that ctx is done. A panic says more. So
// does an error with a method that panics: errors.Is calls Is and Unwrap of err.
func followsFrom(ctx context.Context, err error) (follows bool) {
	defer func() { recover() }()
	_, panicked := errors.AsType[*PanicError](err)
	return !panicked && onlySays(err, ctx.Err(), context.Cause(ctx))
}

// onlySays reports whether err is one of two errors or wraps one of them. If it joins
// several errors, that must be true of each.
func onlySays(err, done, cause error) bool {
	for e := err; e != nil && e != cause; e = errors.Unwrap(e) {
		joined, ok := e.(interface{ Unwrap() []error })
		if ok && slices.ContainsFunc(joined.Unwrap(), func(part error) bool { return !onlySays(part, done, cause) }) {
			return false
		}
	}
	return errors.Is(err, done) || errors.Is(err, cause)
}

// join returns the errors, and with them the cause of ctx if that cut the work short.
func (f *failures) join(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	// If the first error has stopped the rest, it is the cause itself: the same pointer.
	if cause := context.Cause(ctx); f.cut && (len(f.errs) == 0 || f.errs[0] != cause) {
		return errors.Join(append(f.errs, cause)...)
	}
	return errors.Join(f.errs...)
}
