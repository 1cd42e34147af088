package main

import (
	"context"
	"errors"
	"time"
)

// ErrTimeout is the error of Within when d has passed.
var ErrTimeout = errors.New("timeout")

// First returns the first value from a or b. If both have one, select takes one
// of them at random.
func First(a, b <-chan string) string {
	select {
	case v := <-a:
		return v
	case v := <-b:
		return v
	}
}

// Within returns the next value from c, or ErrTimeout after d.
func Within(d time.Duration, c <-chan string) (string, error) {
	select {
	case v := <-c:
		return v, nil
	case <-time.After(d):
		return "", ErrTimeout
	}
}

// Until returns the next value from c, or the cause of ctx when ctx is done.
// ctx.Done returns a channel on which nothing is ever sent; it is closed when
// ctx is done, and from then on every receive from it proceeds.
//
// If ctx is done and c has a value, select takes either: see UntilChecked.
func Until(ctx context.Context, c <-chan string) (string, error) {
	select {
	case v := <-c:
		return v, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// UntilChecked is Until, but receives nothing if ctx is already done.
func UntilChecked(ctx context.Context, c <-chan string) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return Until(ctx, c)
}

// SendUntil sends v on c, or returns the cause of ctx when ctx is done.
func SendUntil(ctx context.Context, c chan<- string, v string) error {
	select {
	case c <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// IfReady receives from c if that does not block, and reports whether it did.
func IfReady(c <-chan string) (string, bool) {
	select {
	case v := <-c:
		return v, true
	default:
		return "", false
	}
}

// TakesWhenDone counts how many times out of n until returns a value that is
// ready, although its context is done.
func TakesWhenDone(until func(context.Context, <-chan string) (string, error), n int) (taken int) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range n {
		ready := make(chan string, 1)
		ready <- "value"
		if _, err := until(ctx, ready); err == nil {
			taken++
		}
	}
	return taken
}

// After returns a channel that delivers v after d. Its buffer holds v, so
// the goroutine ends even if no other one receives.
func After(d time.Duration, v string) <-chan string {
	c := make(chan string, 1)
	go func() {
		time.Sleep(d)
		c <- v
	}()
	return c
}
