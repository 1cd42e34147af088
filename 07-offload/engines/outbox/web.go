package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// kind is what engines/asynq's workers call the task.
const kind = "welcome-mail"

// insertUser is the application's own write.
const insertUser = `insert into users (id, name, email) values ($1, $2, $3) on conflict (id) do nothing`

// Tasks writes a user to PostgreSQL and a task to Redis: two systems, two commits.
type Tasks struct {
	users *pgxpool.Pool
	queue *asynq.Client
}

// Dead and Requeue are as in engines/asynq, and left out here.
func (Tasks) Dead(context.Context) (int, error) { return 0, errors.ErrUnsupported }
func (Tasks) Requeue(context.Context) error     { return errors.ErrUnsupported }

// enqueue sends the task to the other system. The task's ID is the idempotency key:
// to enqueue it again is harmless.
func enqueue(ctx context.Context, queue *asynq.Client, task []byte, id string) error {
	_, err := queue.EnqueueContext(ctx, asynq.NewTask(kind, task), asynq.TaskID(id), asynq.Retention(24*time.Hour))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// RowFirst is wrong: a crash between the two leaves a user who gets no email.
type RowFirst struct{ Tasks }

// Enqueue commits the row, then enqueues.
func (q RowFirst) Enqueue(ctx context.Context, t signup.Task) error {
	task, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := q.users.Exec(ctx, insertUser, t.ID, t.Name, t.Email); err != nil {
		return err
	}
	return enqueue(ctx, q.queue, task, t.ID)
}

// TaskFirst is wrong: a crash between the two leaves an email for a user who does not exist.
type TaskFirst struct{ Tasks }

// Enqueue enqueues, then commits the row.
func (q TaskFirst) Enqueue(ctx context.Context, t signup.Task) error {
	task, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if err := enqueue(ctx, q.queue, task, t.ID); err != nil {
		return err
	}
	_, err = q.users.Exec(ctx, insertUser, t.ID, t.Name, t.Email)
	return err
}

// Outbox is right: the task is a row, too, and commits with the user. Relay enqueues it later.
type Outbox struct{ Tasks }

// Enqueue commits the user and the task together.
func (q Outbox) Enqueue(ctx context.Context, t signup.Task) error {
	task, err := json.Marshal(t)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, q.users, func(tx pgx.Tx) error {
		user, err := tx.Exec(ctx, insertUser, t.ID, t.Name, t.Email)
		if err != nil || user.RowsAffected() == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `insert into outbox (id, task) values ($1, $2)`, t.ID, task)
		return err
	})
}
