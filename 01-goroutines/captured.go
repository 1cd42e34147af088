package main

import (
	"errors"
	"slices"
	"sync"
)

// LoopVariables starts a goroutine in each of n iterations of a loop and returns
// the values of i that the goroutines see, sorted. Since Go 1.22 each iteration
// has a variable of its own, so they are 0 to n-1.
func LoopVariables(n int) []int {
	seen := make(chan int, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { seen <- i })
	}
	wg.Wait()
	return sorted(seen)
}

// OwnErrors runs the tasks concurrently, waits for all, and returns their
// errors, joined in the order of the tasks. Each goroutine writes to an element
// of its own, so they share no memory that any of them writes.
func OwnErrors(tasks []func() error) error {
	errs := make([]error, len(tasks))
	var wg sync.WaitGroup
	for i, task := range tasks {
		wg.Go(func() { errs[i] = task() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// SharedError is the wrong way: all goroutines capture one err. Their writes
// are a data race, and at most one error is left.
func SharedError(tasks []func() error) error {
	var err error
	var wg sync.WaitGroup
	for _, task := range tasks {
		wg.Go(func() { err = task() })
	}
	wg.Wait()
	return err
}

var tasksThatFail = []func() error{
	func() error { return errors.New("disk full") },
	func() error { return errors.New("connection refused") },
	func() error { return errors.New("no such user") },
}

// unjoin returns the errors that errors.Join has joined into err.
func unjoin(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}

func sorted(c chan int) []int {
	close(c)
	var values []int
	for v := range c {
		values = append(values, v)
	}
	return slices.Sorted(slices.Values(values))
}
