package main

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a panic of a stage, or its call of runtime.Goexit, which
// t.FailNow does.
type PanicError struct {
	Value any    // what panic was called with, or nil for Goexit
	Stack []byte // of the goroutine of the stage, as debug.Stack returns it
}

// newPanicError is called by a deferred function with what recover returned.
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
