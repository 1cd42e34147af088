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

// Tasks is what web asks of Asynq. It is a client of Redis: nothing of Asynq runs anywhere else.
type Tasks struct {
	client   *asynq.Client
	inspect  *asynq.Inspector
	attempts int
}

// NewTasks does not connect yet: Redis may come later, or go and come back.
func NewTasks(at asynq.RedisClientOpt, attempts int) *Tasks {
	return &Tasks{asynq.NewClient(at), asynq.NewInspector(at), attempts}
}

// Enqueue has the task in Redis when it returns nil. Whether it is safe there is
// up to Redis: by default a crash loses what came since the last snapshot, so
// this wants "appendonly yes" and "appendfsync always" in redis.conf.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	payload, err := json.Marshal(t)
	if err != nil {
		return err
	}
	options := []asynq.Option{
		asynq.TaskID(t.ID),              // the idempotency key: the same ID is refused below
		asynq.Retention(24 * time.Hour), // for so long after it was done, too; by default it is forgotten at once
		asynq.MaxRetry(q.attempts - 1),  // by default 25
		asynq.Timeout(time.Minute),      // for one attempt; by default half an hour
	}
	if !t.Due.IsZero() {
		options = append(options, asynq.ProcessAt(t.Due))
	}
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(kind, payload), options...)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil // it is there: asked for again
	}
	return err
}

// Dead counts what Asynq calls archived.
func (q *Tasks) Dead(context.Context) (int, error) {
	queues, err := q.inspect.Queues()
	if err != nil || !slices.Contains(queues, "default") {
		return 0, err // nothing was ever put in
	}
	info, err := q.inspect.GetQueueInfo("default")
	if err != nil {
		return 0, err
	}
	return info.Archived, nil
}

// Requeue has them run again.
func (q *Tasks) Requeue(context.Context) error {
	_, err := q.inspect.RunAllArchivedTasks("default")
	return err
}
