package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
)

// Work does tasks until ctx is done, and then drains. A live worker renews its lease of
// 30 s for each task; no setting changes it (Asynq 0.26).
func Work(ctx context.Context, at asynq.RedisConnOpt, f signup.Flags) error {
	server := asynq.NewServer(at, asynq.Config{
		Concurrency: f.Concurrency, // by default the number of CPUs
		// Then unfinished tasks return to the queue, and the attempt does not count. To Asynq 0 means 8 s.
		ShutdownTimeout:          max(f.Drain, time.Millisecond),
		RetryDelayFunc:           backoff,
		TaskCheckInterval:        200 * time.Millisecond, // an idle worker polls this often; by default once a second
		DelayedTaskCheckInterval: time.Second,            // scheduled tasks are polled this often; by default every 5 s
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
	// Not Run, which handles the signals itself. Asynq recovers a panic and counts it as a failed attempt.
	if err := server.Start(mux); err != nil {
		return err
	}
	signup.Ready()
	<-ctx.Done()
	server.Shutdown()
	return nil
}

// backoff returns how long to wait before a retry: half a second, doubled each
// time, half of it random. By default it is about the fourth power of the attempt, in
// seconds.
func backoff(retried int, _ error, _ *asynq.Task) time.Duration {
	d := min(500*time.Millisecond<<min(retried, 10), time.Minute)
	return d/2 + rand.N(d/2)
}
