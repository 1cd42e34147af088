package main

import (
	"context"
	"sync/atomic"

	"concurrency/07-offload/engines/signup"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// Welcome is the job: its JSON is a row of the table river_job.
type Welcome struct{ signup.Task }

// UnmarshalJSON also checks the task.
func (w *Welcome) UnmarshalJSON(data []byte) (err error) {
	w.Task, err = signup.ParseTask(data)
	return err
}

// Kind is the name under which the web process and the workers know the job.
func (Welcome) Kind() string { return "welcome_email" }

// Tasks is what the web process asks of River: a client that inserts jobs and works none.
type Tasks struct {
	pool     *pgxpool.Pool
	client   *river.Client[pgx.Tx]
	attempts int
	migrated atomic.Bool
	slot     chan struct{} // for the one request that migrates
}

// NewTasks does not connect yet: the database may start later, or restart.
func NewTasks(pool *pgxpool.Pool, attempts int) (*Tasks, error) {
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	return &Tasks{pool: pool, client: client, attempts: attempts, slot: make(chan struct{}, 1)}, err
}

// ready makes sure that the tables exist. One request at a time migrates: it needs two
// connections, and if many requests held one each, none would get its second (section 5.6).
func (q *Tasks) ready(ctx context.Context) error {
	if q.migrated.Load() {
		return nil
	}
	select {
	case q.slot <- struct{}{}:
		defer func() { <-q.slot }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if q.migrated.Load() { // by the request that had the slot before
		return nil
	}
	err := migrate(ctx, q.pool)
	q.migrated.Store(err == nil)
	return err
}

// Enqueue inserts the user and the job in one transaction: a crash leaves both or
// neither, so there is no user without an email and no email without a user. When
// it returns nil both are on disk, unless synchronous_commit is off; it is on by default.
func (q *Tasks) Enqueue(ctx context.Context, t signup.Task) error {
	if err := q.ready(ctx); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		user, err := tx.Exec(ctx, `insert into users (id, name, email) values ($1, $2, $3) on conflict (id) do nothing`, t.ID, t.Name, t.Email)
		if err != nil || user.RowsAffected() == 0 {
			return err // nil: the same sign-up again. Its row is the idempotency key
		}
		_, err = q.client.InsertTx(ctx, tx, Welcome{t}, &river.InsertOpts{
			MaxAttempts: q.attempts, // by default 25
			ScheduledAt: t.Due,
		})
		return err
	})
}

// deadLetters selects the jobs that River does not retry: discarded after the last
// attempt, or canceled by a permanent error.
var deadLetters = river.NewJobListParams().First(1000).States(rivertype.JobStateDiscarded, rivertype.JobStateCancelled)

// Dead counts them, up to 1,000. By default River deletes discarded jobs after 7 days,
// and canceled ones after 24 hours.
func (q *Tasks) Dead(ctx context.Context) (int, error) {
	if err := q.ready(ctx); err != nil {
		return 0, err
	}
	list, err := q.client.JobList(ctx, deadLetters)
	if err != nil {
		return 0, err
	}
	return len(list.Jobs), nil
}

// Requeue has each of them retried once. If there are more than 1,000, it must be called again.
func (q *Tasks) Requeue(ctx context.Context) error {
	if err := q.ready(ctx); err != nil {
		return err
	}
	list, err := q.client.JobList(ctx, deadLetters)
	if err != nil {
		return err
	}
	for _, job := range list.Jobs {
		if _, err := q.client.JobRetry(ctx, job.ID); err != nil {
			return err
		}
	}
	return nil
}
