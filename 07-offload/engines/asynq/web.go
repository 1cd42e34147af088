package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
)

// kind is the name under which web and worker know the task.
const kind = "welcome-mail"

// Tasks is what the web process asks of Asynq: a client of Redis. Asynq has no server of its own.
type Tasks struct {
	client   *asynq.Client
	inspect  *asynq.Inspector
	attempts int
}

// NewTasks does not connect yet: Redis may start later, or restart.
func NewTasks(at asynq.RedisConnOpt, attempts int) *Tasks {
	return &Tasks{asynq.NewClient(at), asynq.NewInspector(at), attempts}
}

// Enqueue has the task in Redis when it returns nil. Whether it survives a crash depends
// on Redis: by default (7.0) a crash loses what was written since the last snapshot, so
// this needs "appendonly yes" and "appendfsync always" in redis.conf.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	payload, err := json.Marshal(t)
	if err != nil {
		return err
	}
	options := []asynq.Option{
		asynq.TaskID(t.ID),              // the idempotency key: the same ID is refused below
		asynq.Retention(24 * time.Hour), // and until this long after it is done; by default its ID is free again immediately
		asynq.MaxRetry(q.attempts - 1),  // by default 25
		asynq.Timeout(5 * time.Minute),  // for one attempt; by default half an hour
	}
	if !t.Due.IsZero() {
		options = append(options, asynq.ProcessAt(t.Due))
	}
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(kind, payload), options...)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil // the same sign-up again
	}
	return err
}

// Dead counts what Asynq calls archived. Asynq 0.26 keeps up to 9,999 of them, for 90 days: when
// a task is archived, it deletes the oldest ones, without a log line. Alert before that.
func (q *Tasks) Dead(context.Context) (int, error) {
	queues, err := q.inspect.Queues()
	if err != nil || !slices.Contains(queues, "default") {
		return 0, err // nothing was ever enqueued
	}
	info, err := q.inspect.GetQueueInfo("default")
	if err != nil {
		return 0, err
	}
	return info.Archived, nil
}

// Requeue moves them back to the queue.
func (q *Tasks) Requeue(context.Context) error {
	_, err := q.inspect.RunAllArchivedTasks("default")
	return err
}
