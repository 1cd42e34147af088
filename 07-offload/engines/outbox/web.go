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

// tables are those of this program. The outbox has a row for each task that is not in the queue yet.
const tables = `
	select pg_advisory_xact_lock(712); -- several processes may create them at the same time
	create table if not exists users (id text primary key, name text not null, email text not null);
	create table if not exists outbox (id text primary key, task bytea not null, created timestamptz not null default now());
	create index if not exists outbox_created on outbox (created)`

// insertUser is the application's own write.
const insertUser = `insert into users (id, name, email) values ($1, $2, $3) on conflict (id) do nothing`

// Tasks writes a user to PostgreSQL and a task to Redis: two systems, two commits.
type Tasks struct {
	Users *pgxpool.Pool
	Queue Queue
}

// Dead and Requeue are as in engines/asynq, and left out here.
func (Tasks) Dead(context.Context) (int, error) { return 0, errors.ErrUnsupported }
func (Tasks) Requeue(context.Context) error     { return errors.ErrUnsupported }

// A Queue enqueues tasks in Redis.
type Queue struct {
	Client   *asynq.Client
	Attempts int // then a task is archived
}

// enqueue has the options of engines/asynq/web.go. The task's ID is the idempotency key:
// to enqueue it again is harmless.
func (q Queue) enqueue(ctx context.Context, t signup.Task) error {
	task, err := json.Marshal(t)
	if err != nil {
		return err
	}
	options := []asynq.Option{asynq.TaskID(t.ID), asynq.Retention(24 * time.Hour), asynq.MaxRetry(q.Attempts - 1), asynq.Timeout(5 * time.Minute)}
	if !t.Due.IsZero() {
		options = append(options, asynq.ProcessAt(t.Due))
	}
	_, err = q.Client.EnqueueContext(ctx, asynq.NewTask(kind, task), options...)
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// RowFirst is wrong: a crash between the two leaves a user who gets no email.
type RowFirst struct{ Tasks }

// Enqueue commits the row, then enqueues.
func (q RowFirst) Enqueue(ctx context.Context, t signup.Task) error {
	if _, err := q.Users.Exec(ctx, insertUser, t.ID, t.Name, t.Email); err != nil {
		return err
	}
	return q.Queue.enqueue(ctx, t)
}

// TaskFirst is wrong: a crash between the two leaves an email for a user who does not exist.
type TaskFirst struct{ Tasks }

// Enqueue enqueues, then commits the row.
func (q TaskFirst) Enqueue(ctx context.Context, t signup.Task) error {
	if err := q.Queue.enqueue(ctx, t); err != nil {
		return err
	}
	_, err := q.Users.Exec(ctx, insertUser, t.ID, t.Name, t.Email)
	return err
}

// Outbox is right: the task is a row, too, and commits with the user. Relay enqueues it later.
type Outbox struct{ Tasks }

// Enqueue commits the user and the task together.
func (q Outbox) Enqueue(ctx context.Context, t signup.Task) error {
	return pgx.BeginFunc(ctx, q.Users, func(tx pgx.Tx) error {
		user, err := tx.Exec(ctx, insertUser, t.ID, t.Name, t.Email)
		if err != nil || user.RowsAffected() == 0 {
			return err
		}
		return AddToOutbox(ctx, tx, t)
	})
}

// AddToOutbox is for a handler that has a transaction already: the task commits with it, or
// not at all.
func AddToOutbox(ctx context.Context, tx pgx.Tx, t signup.Task) error {
	task, err := json.Marshal(t)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into outbox (id, task) values ($1, $2)`, t.ID, task)
	return err
}
