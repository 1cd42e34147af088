package main

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a panic that was recovered in its goroutine.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Result runs f in a goroutine. The channel it returns delivers the error that f
// returns, or a *PanicError if f panics; it delivers nothing if f calls
// runtime.Goexit. The goroutine ends even if the caller never receives, because
// the channel has a buffer for the one result.
func Result(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		defer func() {
			// recover works only in the goroutine that panics, so it must be here.
			if v := recover(); v != nil {
				result <- &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		result <- f()
	}()
	return result
}

// PanicEndsProgram is the wrong way: it recovers in the goroutine that started
// the one that panics. The process exits with status 2.
func PanicEndsProgram() {
	defer func() { recover() }() // has no effect on the other goroutine
	done := make(chan error)
	go func() { done <- openMailbox(nil) }()
	<-done
	fmt.Println("never printed")
}

// openMailbox forgets that the map may be nil, as real code does.
func openMailbox(mailboxes map[string]int) error {
	mailboxes["ada"]++
	return nil
}
