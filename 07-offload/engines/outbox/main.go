// Command outbox is chapter 07's sign-up with its users in PostgreSQL and its tasks in
// Redis (Asynq), in three ways: two are wrong, and one has a transactional outbox.
//
//	go run ./outbox                                                       the demo, with servers of its own
//	go run ./outbox web    -postgres URL -redis localhost:6379 -way outbox   accepts sign-ups
//	go run ./outbox worker -postgres URL -redis localhost:6379               relays the tasks and delivers the emails
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"time"

	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ways are the three, by their names for -way.
var ways = map[string]func(Tasks) signup.System{
	"row-first":  func(t Tasks) signup.System { return RowFirst{t} },
	"task-first": func(t Tasks) signup.System { return TaskFirst{t} },
	"outbox":     func(t Tasks) signup.System { return Outbox{t} },
}

func main() {
	var url, redis, way string
	role, f := signup.Role("outbox", "The sign-up in two systems: a row in PostgreSQL, a task in Redis.", func(set *flag.FlagSet) {
		set.StringVar(&url, "postgres", "", "the database's `URL`")
		set.StringVar(&redis, "redis", "", "the Redis at this `host:port`")
		set.StringVar(&way, "way", "outbox", "of the web process: row-first, task-first or outbox")
	})
	switch {
	case role == "" && (url != "" || redis != ""):
		signup.UsageError("outbox: the demo starts servers of its own")
	case role == "":
		signup.Exit("outbox", "demo", demo())
	case url == "" || redis == "":
		signup.UsageError("outbox %s: needs -postgres URL and -redis host:port", role)
	case ways[way] == nil:
		signup.UsageError("outbox %s: -way must be row-first, task-first or outbox, got %q", role, way)
	}
	ctx := signup.UntilSignal()
	db, err := open(ctx, url)
	if err != nil {
		signup.Exit("outbox", role, err)
	}
	at := asynq.RedisClientOpt{Addr: redis, ReadTimeout: signup.Timeout} // as in engines/asynq
	client := asynq.NewClient(at)
	queue := Queue{client, f.Attempts}
	if role == "web" {
		err = signup.Serve(ctx, f.Addr, signup.Handler(ways[way](Tasks{db, queue})))
	} else {
		err = work(ctx, db, queue, at, f)
	}
	signup.Exit("outbox", role, err) // the connections end with the process
}

// open connects, and creates the tables if they are missing.
func open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	db, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(ctx, tables); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// work relays and works tasks until ctx is done. engines/asynq/worker.go says more.
func work(ctx context.Context, db *pgxpool.Pool, queue Queue, at asynq.RedisClientOpt, f signup.Flags) error {
	server := asynq.NewServer(at, asynq.Config{
		Concurrency: f.Concurrency, ShutdownTimeout: max(f.Drain, time.Millisecond), RetryDelayFunc: backoff, LogLevel: asynq.WarnLevel,
		TaskCheckInterval: 200 * time.Millisecond, DelayedTaskCheckInterval: time.Second,
	})
	err := server.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		task, err := signup.ParseTask(t.Payload())
		if err != nil {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		retried, _ := asynq.GetRetryCount(ctx)
		return f.Mail.Welcome(ctx, task, retried+1)
	}))
	if err != nil {
		return err
	}
	signup.Ready()
	Relay(ctx, db, queue)
	server.Shutdown()
	return nil
}

// backoff is that of engines/asynq.
func backoff(retried int, _ error, _ *asynq.Task) time.Duration {
	d := min(500*time.Millisecond<<min(retried, 10), time.Minute)
	return d/2 + rand.N(d/2)
}
