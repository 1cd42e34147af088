package main

import (
	"context"
	"errors"
	"time"
)

// ErrTimeout is what Within returns when time is up.
var ErrTimeout = errors.New("timeout")

// First waits for two and takes whichever comes first. If both are there
// already, select takes one of them at random.
func First(a, b <-chan string) string {
	select {
	case v := <-a:
		return v
	case v := <-b:
		return v
	}
}

// Within waits for c, but no longer than d; then it returns ErrTimeout.
func Within(d time.Duration, c <-chan string) (string, error) {
	select {
	case v := <-c:
		return v, nil
	case <-time.After(d):
		return "", ErrTimeout
	}
}

// Until waits for c until ctx is cancelled; then it returns why that happened.
// ctx.Done() is a channel on which nothing is ever sent. It is closed when ctx
// ends, so from then on a receive from it passes, for all who wait.
func Until(ctx context.Context, c <-chan string) (string, error) {
	select {
	case v := <-c:
		return v, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// IfThere takes what c has now and does not wait. The bool says whether there was anything.
func IfThere(c <-chan string) (string, bool) {
	select {
	case v := <-c:
		return v, true
	default:
		return "", false
	}
}

// After returns a channel on which v comes after d. The channel has room for
// it, so that its goroutine ends even if nobody receives.
func After(d time.Duration, v string) <-chan string {
	c := make(chan string, 1)
	go func() {
		time.Sleep(d)
		c <- v
	}()
	return c
}
