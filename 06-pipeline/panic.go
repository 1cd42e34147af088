package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
)

// A PanicError is a panic of a stage, or its call of runtime.Goexit, which
// t.FailNow does.
type PanicError struct {
	Value any    // what panic was called with, or nil for Goexit
	Stack []byte // of the goroutine of the stage
}

func newPanicError(value any) *PanicError { return &PanicError{value, debug.Stack()} }

func (e *PanicError) Error() string {
	if e.Value == nil { // even panic(nil) has a value, a *runtime.PanicNilError
		return "a stage called runtime.Goexit"
	}
	return fmt.Sprintf("panic: %v", e.Value)
}

// Unwrap returns the value if it is an error, for errors.Is and errors.As.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// examine reports whether err is a panic, and otherwise whether it only follows from a stop,
// whose cause is cause, and done is the error of the context. It calls methods of err, as
// errors.Is does. If one of them panics, err does not follow.
func examine(err, cause, done error) (panicked, follows bool) {
	defer func() { recover() }()
	_, panicked = errors.AsType[*PanicError](err)
	return panicked, !panicked && onlySays(err, done, cause)
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
