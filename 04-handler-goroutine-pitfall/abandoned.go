package main

import "context"

// AskUnbuffered returns the answer of ask, or the cause when ctx is done first.
// It is wrong: after ctx is done no goroutine receives, so the goroutine that
// asks blocks in its send forever.
func AskUnbuffered(ctx context.Context, ask func() string) (string, error) {
	answer := make(chan string)
	go func() {
		answer <- ask()
	}()
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Ask does the same with a buffer for the one answer: the send never blocks.
func Ask(ctx context.Context, ask func() string) (string, error) {
	answer := make(chan string, 1)
	go func() {
		answer <- ask()
	}()
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
