package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Relay moves tasks from the outbox to the queue until ctx is done. Several may run.
func Relay(ctx context.Context, db *pgxpool.Pool, queue Queue) {
	for ctx.Err() == nil {
		moved, err := relay(ctx, db, queue)
		if err != nil {
			slog.Warn("the outbox keeps tasks", "error", err)
		}
		if moved == 0 { // LISTEN would replace the poll
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// timeout is for the select, and then for each task. With one for the whole batch, a slow
// batch would be rolled back each time, and never move.
var timeout = time.Minute

// relay moves up to 100 tasks, the oldest first, up to one that the queue refuses. They are
// deleted after they were enqueued, so a crash between the two enqueues them again: at least
// once, and the task's ID makes it once. When ctx is done, it commits what it has moved,
// and waits for that up to signup.Timeout. A database that does not answer ends the batch.
func relay(ctx context.Context, db *pgxpool.Pool, queue Queue) (moved int, err error) {
	batch, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(signup.Timeout, cancel) })() // the time for a commit
	idle := time.AfterFunc(timeout, cancel)
	defer idle.Stop()
	var refused error
	err = pgx.BeginFunc(batch, db, func(tx pgx.Tx) error {
		rows, err := tx.Query(batch, `select id, task from outbox order by created limit 100 for update skip locked`)
		if err != nil {
			return err
		}
		type row struct {
			ID   string
			Task []byte
		}
		tasks, err := pgx.CollectRows(rows, pgx.RowToStructByPos[row])
		if err != nil {
			return err
		}
		for _, r := range tasks {
			if ctx.Err() != nil {
				return nil // commit
			}
			idle.Reset(timeout)
			var t signup.Task
			err := json.Unmarshal(r.Task, &t)
			if err == nil {
				err = queue.enqueue(batch, t)
			}
			if err != nil {
				refused = fmt.Errorf("task %s: %w", r.ID, err)
				return nil // commit: those before it are in the queue
			}
			if _, err := tx.Exec(batch, `delete from outbox where id = $1`, r.ID); err != nil {
				return err
			}
			moved++
		}
		return nil
	})
	if err != nil {
		return 0, err // no row is deleted
	}
	return moved, refused
}
