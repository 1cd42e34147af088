package main

import (
	"fmt"
	"runtime/debug"
)

// A PanicError is a panic that was caught where it happened.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // where, as the runtime prints it
}

func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Result runs f in a goroutine and hands over what f returns, or a *PanicError
// if f panics. The channel has room for the one result, so that the goroutine
// ends even if nobody receives it.
func Result(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		defer func() {
			// recover only works in the goroutine that panics, so it stands here.
			if v := recover(); v != nil {
				result <- &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		result <- f()
	}()
	return result
}

// PanicEndsProgram is the wrong way: its recover stands in another goroutine
// than the panic. The process ends with exit status 2, whatever else it was doing.
func PanicEndsProgram() {
	defer func() { recover() }() // never sees it
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
