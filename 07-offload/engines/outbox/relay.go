package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Relay moves tasks from the outbox to the queue until ctx is done. Several may run.
func Relay(ctx context.Context, db *pgxpool.Pool, queue *asynq.Client) {
	for ctx.Err() == nil {
		moved, err := relay(ctx, db, queue)
		if err != nil && ctx.Err() == nil {
			slog.Warn("the outbox stays as it is", "error", err)
		}
		if moved == 0 { // LISTEN would replace the poll
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// relay moves up to 100 tasks. They are deleted after they were enqueued, so a crash
// between the two enqueues them again: at least once, and the task's ID makes it once.
func relay(ctx context.Context, db *pgxpool.Pool, queue *asynq.Client) (moved int, err error) {
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id, task from outbox order by created limit 100 for update skip locked`)
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
		for _, t := range tasks {
			if err := enqueue(ctx, queue, t.Task, t.ID); err != nil {
				return fmt.Errorf("task %s: %w", t.ID, err)
			}
			if _, err := tx.Exec(ctx, `delete from outbox where id = $1`, t.ID); err != nil {
				return err
			}
		}
		moved = len(tasks)
		return nil
	})
	return moved, err
}
