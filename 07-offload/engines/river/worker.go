package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Work works jobs until ctx is done, and then drains.
func Work(ctx context.Context, pool *pgxpool.Pool, f signup.Flags) error {
	first, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := migrate(first, pool); err != nil {
		return fmt.Errorf("no PostgreSQL there: %w", err)
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{mail: f.Mail})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Workers: workers,
		Queues:  map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: f.Concurrency}},
		Logger:  slog.Default(),
		// A dead worker's job is still marked as running. Once it has been so for this
		// long, it is retried: by default after an hour. A live worker does not renew
		// anything, so its context must be canceled before: by default after a minute.
		RescueStuckJobsAfter: 15 * time.Second,
		JobTimeout:           10 * time.Second,
		// When ctx is done, running jobs have this long. Then their context is canceled, and
		// they return to the queue; the attempt does not count. By default there is no limit.
		SoftStopTimeout: max(f.Drain, time.Millisecond),
		ErrorHandler:    handler{},
	})
	if err != nil {
		return err
	}
	if err := client.Start(ctx); err != nil {
		return err
	}
	signup.Ready()
	<-client.Stopped()
	return nil
}

// A worker works the jobs of one kind.
type worker struct {
	river.WorkerDefaults[Welcome]
	mail signup.Maildir
}

// Work is one attempt. River recovers a panic and counts it as a failed one.
func (w *worker) Work(ctx context.Context, job *river.Job[Welcome]) error {
	return w.mail.Welcome(ctx, job.Args.Task, job.Attempt)
}

// NextRetry returns when a failed job is retried: after half a second, doubled
// each time, half of it random. By default it is attempt⁴ seconds.
func (w *worker) NextRetry(job *river.Job[Welcome]) time.Time {
	d := min(500*time.Millisecond<<min(job.Attempt-1, 10), time.Minute)
	return time.Now().Add(d/2 + rand.N(d/2))
}

// handler logs failures and cancels a job whose JSON is no Welcome. By default River
// retries it like any other. Canceled jobs are kept for 24 hours,
// discarded ones for 7 days.
type handler struct{}

func (handler) HandleError(_ context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	permanent := errors.Is(err, signup.ErrMalformed)
	slog.Warn("failed", "row", job.ID, "attempt", job.Attempt, "permanent", permanent, "error", err)
	return &river.ErrorHandlerResult{SetCancelled: permanent}
}

func (handler) HandlePanic(_ context.Context, job *rivertype.JobRow, value any, trace string) *river.ErrorHandlerResult {
	slog.Error("panic", "row", job.ID, "attempt", job.Attempt, "value", value, "trace", trace)
	return nil
}
