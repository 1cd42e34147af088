package main

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
)

// TestAskReturnsTheAnswerOrTheCause, with a buffer and without.
func TestAskReturnsTheAnswerOrTheCause(t *testing.T) {
	left := errors.New("the client has left")
	for _, ask := range []func(context.Context, func() string) (string, error){Ask, AskUnbuffered} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			if answer, err := ask(ctx, func() string { return "yes" }); answer != "yes" || err != nil {
				t.Errorf("got %q, %v; want the answer", answer, err)
			}
			cancel(left)
			if answer, err := ask(ctx, func() string { runtime.Goexit(); return "" }); answer != "" || err != left {
				t.Errorf("got %q, %v; want the cause %q", answer, err, left)
			}
		})
	}
}

// TestAskLeavesNoGoroutine cancels the context first. A goroutine that blocked
// in its send would end this test with a deadlock (claim 4.9).
func TestAskLeavesNoGoroutine(t *testing.T) {
	for _, canceled := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			slow := make(chan struct{})
			if canceled {
				cancel()
			} else {
				close(slow)
			}
			answer, err := Ask(ctx, func() string { <-slow; return "yes" })
			if canceled && err != context.Canceled || !canceled && answer != "yes" {
				t.Errorf("canceled: %t: got %q, %v", canceled, answer, err)
			}
			if canceled {
				close(slow)
			}
		})
	}
}

// TestAskUnbufferedLeavesAGoroutine that is blocked in its send.
func TestAskUnbufferedLeavesAGoroutine(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	before, late := StartedBy("AskUnbuffered"), make(chan struct{})
	AskUnbuffered(canceled, func() string { <-late; return "yes" })
	close(late)
	for blocked := before; blocked == before; runtime.Gosched() {
		blocked = 0
		for stack := range strings.SplitSeq(allStacks(), "\n\n") {
			if strings.Contains(stack, "[chan send") && strings.Contains(stack, "AskUnbuffered in goroutine") {
				blocked++
			}
		}
		if StartedBy("AskUnbuffered") == before {
			t.Fatal("the goroutine that asks has ended; without a buffer it must block in its send")
		}
	}
}
