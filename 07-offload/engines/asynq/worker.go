package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
)

// Work does tasks until ctx ends, and then drains.
func Work(ctx context.Context, at asynq.RedisClientOpt, f signup.Flags) error {
	server := asynq.NewServer(at, asynq.Config{
		Concurrency:              f.Concurrency, // by default as many as there are processors
		ShutdownTimeout:          f.Drain,       // what is not done then goes back, at no cost of an attempt
		RetryDelayFunc:           backoff,
		TaskCheckInterval:        200 * time.Millisecond, // an idle worker looks this often; by default once a second
		DelayedTaskCheckInterval: time.Second,            // for those whose time has come; by default every 5 s
		LogLevel:                 asynq.WarnLevel,
	})
	if err := server.Ping(); err != nil {
		return fmt.Errorf("no Redis there: %w", err)
	}
	mux := asynq.NewServeMux()
	mux.HandleFunc(kind, func(ctx context.Context, t *asynq.Task) error {
		task, err := signup.ParseTask(t.Payload())
		if err != nil {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry) // archived immediately
		}
		retried, _ := asynq.GetRetryCount(ctx)
		return f.Mail.Welcome(ctx, task, retried+1)
	})
	// Not Run, which waits for signals by itself. A panic in the handler is recovered, and a failed attempt.
	if err := server.Start(mux); err != nil {
		return err
	}
	signup.Ready()
	<-ctx.Done()
	server.Shutdown()
	return nil
}

// backoff returns how long to wait before a retry: half a second, doubled each
// time, of which the second half is left to chance. By default it would be
// minutes soon: about the fourth power of the attempt, in seconds.
func backoff(retried int, _ error, _ *asynq.Task) time.Duration {
	d := min(500*time.Millisecond<<min(retried, 10), time.Minute)
	return d/2 + rand.N(d/2)
}
