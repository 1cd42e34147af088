package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"concurrency/07-offload/engines/signup"
)

// TestEnqueueDoesNotRetryWhereNoServerListens: at port 1 every connection is refused. The
// minute is for a client that would retry until its context is done.
func TestEnqueueDoesNotRetryWhereNoServerListens(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := NewTasks("127.0.0.1:1", 5).Enqueue(ctx, signup.Task{ID: "ABCDEFGHIJKLMNOPQRSTUVWX27"})
	if !errors.Is(err, errDown) || ctx.Err() != nil {
		t.Errorf("Enqueue returned %v (its context: %v), want %q before its context is done", err, ctx.Err(), errDown)
	}
}
