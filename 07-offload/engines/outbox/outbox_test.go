package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var all = flag.Bool("all", false, "fail if a server is not installed, instead of skipping")

// TestMain runs a role of the program when a test has started this binary for that.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "web" || os.Args[1] == "worker") {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestOutboxKeepsUserAndEmailTogether kills the web process at every message of a
// sign-up (claim 7.12): afterwards the user exists and gets an email, or neither.
func TestOutboxKeepsUserAndEmailTogether(t *testing.T) {
	r := kill(t, "outbox")
	if r.onlyUser > 0 || r.onlyEmail > 0 {
		t.Errorf("of %d kills %d left a user without an email and %d an email without a user, want none", r.kills, r.onlyUser, r.onlyEmail)
	}
	if r.both == 0 || r.neither == 0 {
		t.Errorf("of %d kills %d left both and %d neither; want some of each, or the kills missed the commit", r.kills, r.both, r.neither)
	}
}

// TestRowFirstLeavesAUserWithoutAnEmail is a negative control of 7.12: the row commits,
// the process is killed, and the task is never enqueued.
func TestRowFirstLeavesAUserWithoutAnEmail(t *testing.T) {
	if r := kill(t, "row-first"); r.onlyUser == 0 || r.onlyEmail > 0 {
		t.Errorf("of %d kills %d left a user without an email and %d an email without a user, want some and none", r.kills, r.onlyUser, r.onlyEmail)
	}
}

// TestTaskFirstEmailsAUserWhoDoesNotExist is a negative control of 7.12: the task is
// enqueued, the process is killed, and the row is never inserted.
func TestTaskFirstEmailsAUserWhoDoesNotExist(t *testing.T) {
	if r := kill(t, "task-first"); r.onlyEmail == 0 || r.onlyUser > 0 {
		t.Errorf("of %d kills %d left a user without an email and %d an email without a user, want none and some", r.kills, r.onlyUser, r.onlyEmail)
	}
}

func kill(t *testing.T, way string) result {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := serversFor(t).kill(t.Context(), program, way)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", way, r)
	return r
}

// serversFor starts both, or skips the test if one is not installed.
func serversFor(t *testing.T) *servers {
	t.Helper()
	dir, err := os.MkdirTemp("", "engines") // short, and the user that runs PostgreSQL can reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := startServers(dir)
	if missing := (*contract.NotInstalledError)(nil); errors.As(err, &missing) && !*all {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

// TestRelaysMoveEachTaskOnce: 150 sign-ups, each of them sent twice, and two relays at the
// same time, which move up to 100 tasks each.
func TestRelaysMoveEachTaskOnce(t *testing.T) {
	const signups = 150
	s := serversFor(t)
	db, err := open(t.Context(), s.postgres.At)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := asynq.RedisClientOpt{Addr: s.redis.At}
	queue := Queue{asynq.NewClient(at), 5}
	defer queue.Client.Close()
	signUp := func() {
		for n := range signups {
			task := signup.Task{ID: fmt.Sprint("TASK", n), Name: "Ada", Email: "ada@example.com"}
			if err := (Outbox{Tasks{db, queue}}).Enqueue(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
	}
	signUp()
	signUp()
	var moved [2]int
	var relays sync.WaitGroup
	for i := range moved {
		relays.Go(func() {
			n, err := relay(t.Context(), db, queue)
			if moved[i] = n; err != nil {
				t.Error(err)
			}
		})
	}
	relays.Wait()
	if err := queue.enqueue(t.Context(), signup.Task{ID: "TASK0"}); err != nil { // as after a crash between the two
		t.Errorf("a task was enqueued again: %v", err)
	}
	signUp() // once more: the outbox has none of these tasks any more
	last, err := relay(t.Context(), db, queue)
	if moved[0]+moved[1] != signups || max(moved[0], moved[1]) > 100 || last != 0 || err != nil {
		t.Errorf("of %d tasks two relays moved %v, and then one moved %d (%v); want up to 100 each, all of them, and none", signups, moved, last, err)
	}
	inspector := asynq.NewInspector(at)
	defer inspector.Close()
	info, err := inspector.GetQueueInfo("default")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != signups {
		t.Errorf("the queue has %d tasks, want %d", info.Size, signups)
	}
}

// connected returns a database with empty tables, and an empty queue with its inspector and its Redis.
func connected(t *testing.T) (*pgxpool.Pool, Queue, *asynq.Inspector, asynq.RedisClientOpt) {
	t.Helper()
	s := serversFor(t)
	db, err := open(t.Context(), s.postgres.At)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	at := asynq.RedisClientOpt{Addr: s.redis.At}
	queue, inspector := Queue{asynq.NewClient(at), 3}, asynq.NewInspector(at)
	t.Cleanup(func() { queue.Client.Close(); inspector.Close() })
	return db, queue, inspector, at
}

// rows returns how many tasks are in the outbox.
func rows(t *testing.T, db *pgxpool.Pool) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), `select count(*) from outbox`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTaskKeepsItsTimeAndAttempts in each of the three ways: -attempts and ?in= work as in engines/asynq.
func TestTaskKeepsItsTimeAndAttempts(t *testing.T) {
	db, queue, inspector, _ := connected(t)
	due := time.Now().Add(48 * time.Hour).Truncate(time.Second)
	for way, system := range ways {
		task := signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@example.com", Due: due}
		if err := system(Tasks{db, queue}).Enqueue(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		if _, err := relay(t.Context(), db, queue); err != nil {
			t.Fatal(err)
		}
		info, err := inspector.GetTaskInfo("default", task.ID)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if !info.NextProcessAt.Equal(due) || info.MaxRetry != 2 || info.Timeout != 5*time.Minute || info.Retention != 24*time.Hour {
			t.Errorf("%s: the task is due at %v, with %d retries, %v for an attempt, and stays for %v; want %v, 2, 5m and 24h",
				way, info.NextProcessAt, info.MaxRetry, info.Timeout, info.Retention, due)
		}
	}
}

// TestRelayMovesTheTasksBeforeARefusedOne, and enqueues none of them again (claim 7.12).
func TestRelayMovesTheTasksBeforeARefusedOne(t *testing.T) {
	db, queue, inspector, _ := connected(t)
	ids := []string{rand.Text(), rand.Text(), "refused", rand.Text()}
	for i, id := range ids {
		task := `{"id":"` + id + `"}`
		if id == "refused" {
			task = "not JSON"
		}
		if _, err := db.Exec(t.Context(), `insert into outbox (id, task, created) values ($1, $2, $3)`, id, []byte(task), time.Now().Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []int{2, 0} {
		moved, err := relay(t.Context(), db, queue)
		if moved != want || err == nil || !strings.Contains(err.Error(), "task refused: ") {
			t.Errorf("call %d moved %d tasks and returned %v; want %d and the refused task", i+1, moved, err, want)
		}
		if n := rows(t, db); n != 2 {
			t.Errorf("the outbox has %d tasks, want the refused one and the one behind it", n)
		}
		for _, id := range ids[:2] { // on the second call they would be enqueued again
			if err := inspector.DeleteTask("default", id); (err == nil) != (i == 0) {
				t.Errorf("after call %d: task %s: %v", i+1, id, err)
			}
		}
	}
}

// A cancelAt cancels a context at the n-th deletion of a row.
type cancelAt struct {
	n      int
	cancel context.CancelFunc
}

func (c *cancelAt) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(q.SQL, "delete") {
		if c.n--; c.n == 0 {
			c.cancel()
		}
	}
	return ctx
}

func (*cancelAt) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestCanceledRelayCommitsWhatItHasMoved (claim 7.12): the shutdown arrives when the second
// of three tasks is in the queue, and its row not yet deleted.
func TestCanceledRelayCommitsWhatItHasMoved(t *testing.T) {
	db, queue, inspector, _ := connected(t)
	for range 3 {
		if err := (Outbox{Tasks{db, queue}}).Enqueue(t.Context(), signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	config := db.Config()
	config.ConnConfig.Tracer = &cancelAt{2, cancel}
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer traced.Close()
	if moved, err := relay(ctx, traced, queue); moved != 2 || err != nil {
		t.Errorf("the relay moved %d tasks and returned %v, want 2 and no error", moved, err)
	}
	info, err := inspector.GetQueueInfo("default")
	if err != nil {
		t.Fatal(err)
	}
	if n := rows(t, db); info.Size != 2 || n != 1 {
		t.Errorf("the queue has %d tasks and the outbox %d; want 2 and 1", info.Size, n)
	}
}

// A hangingCommit cancels a context at a commit, which hangs until its own context is done.
type hangingCommit struct{ cancel context.CancelFunc }

func (h *hangingCommit) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if q.SQL == "commit" {
		h.cancel()
		<-ctx.Done()
	}
	return ctx
}

func (*hangingCommit) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestCanceledRelayWaitsForACommitUntilTheTimeout, although the database hangs.
func TestCanceledRelayWaitsForACommitUntilTheTimeout(t *testing.T) {
	db, queue, _, _ := connected(t)
	if err := (Outbox{Tasks{db, queue}}).Enqueue(t.Context(), signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	config := db.Config()
	config.ConnConfig.Tracer = &hangingCommit{cancel}
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	returned := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := relay(ctx, traced, queue)
		returned <- err
	}()
	select {
	case err := <-returned:
		if took := time.Since(began); !errors.Is(err, context.Canceled) || took < signup.Timeout {
			t.Errorf("the relay returned %v after %v, want %v after %v", err, took, context.Canceled, signup.Timeout)
		}
		traced.Close()
	case <-time.After(5 * time.Minute):
		t.Error("the relay still waits for the commit")
	}
}

// TestRelayThatCannotCommitMovesNothing: its caller waits before it calls it again.
func TestRelayThatCannotCommitMovesNothing(t *testing.T) {
	db, queue, _, _ := connected(t)
	if err := (Outbox{Tasks{db, queue}}).Enqueue(t.Context(), signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@example.com"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `
		create function refuse() returns trigger language plpgsql as 'begin raise exception ''no commit''; end';
		create constraint trigger refused after delete on outbox deferrable initially deferred for each row execute function refuse()`); err != nil {
		t.Fatal(err)
	}
	if moved, err := relay(t.Context(), db, queue); moved != 0 || err == nil || !strings.Contains(err.Error(), "no commit") {
		t.Errorf("got %d moved tasks and %v, want none and the error of the commit", moved, err)
	}
	if n := rows(t, db); n != 1 {
		t.Errorf("the outbox has %d tasks, want 1", n)
	}
}

// TestAddToOutboxCommitsWithItsTransaction, or not at all.
func TestAddToOutboxCommitsWithItsTransaction(t *testing.T) {
	db, _, _, _ := connected(t)
	failed := errors.New("the handler fails")
	for _, want := range []error{failed, nil} {
		err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
			return cmp.Or(AddToOutbox(t.Context(), tx, signup.Task{ID: rand.Text()}), want)
		})
		n := rows(t, db)
		if !errors.Is(err, want) || (n == 1) != (want == nil) {
			t.Errorf("the transaction returns %v, and the outbox has %d tasks; want %v, and a task only after a commit", err, n, want)
		}
	}
}

// TestWorkerRetriesAfterAShortTime: by default Asynq waits 15 s or more.
func TestWorkerRetriesAfterAShortTime(t *testing.T) {
	db, queue, inspector, at := connected(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	task := signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@fails.test"}
	if err := (Outbox{Tasks{db, queue}}).Enqueue(ctx, task); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- work(ctx, db, queue, at, signup.Flags{Mail: signup.Maildir(t.TempDir()), Concurrency: 1, Drain: time.Second})
	}()
	for ; ; <-time.After(20 * time.Millisecond) {
		info, err := inspector.GetTaskInfo("default", task.ID)
		if err == nil && info.State == asynq.TaskStateRetry {
			if wait := info.NextProcessAt.Sub(info.LastFailedAt); wait > 10*time.Second {
				t.Fatalf("after attempt %d the worker waits %v, want 10s at most", info.Retried, wait)
			}
		}
		if err == nil && info.State == asynq.TaskStateArchived {
			if info.Retried != 2 {
				t.Errorf("the task was archived after %d retries, want 2", info.Retried)
			}
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestWorkerWithADrainOfZeroReturnsItsTask to the queue (claim 7.12). A timeout of 0 means 8 s to
// Asynq, in which the task would end.
func TestWorkerWithADrainOfZeroReturnsItsTask(t *testing.T) {
	db, queue, inspector, at := connected(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	task := signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@7s.slow.test"}
	if err := queue.enqueue(ctx, task); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- work(ctx, db, queue, at, signup.Flags{Mail: signup.Maildir(t.TempDir()), Concurrency: 1})
	}()
	for ; ; <-time.After(20 * time.Millisecond) {
		if info, err := inspector.GetTaskInfo("default", task.ID); err == nil && info.State == asynq.TaskStateActive {
			break
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if info, err := inspector.GetTaskInfo("default", task.ID); err != nil || info.State != asynq.TaskStatePending {
		t.Errorf("the worker has ended; its task of 7 s is %v, %v; want it pending", info.State, err)
	}
}

// A beforeQuery is called before each query.
type beforeQuery func(ctx context.Context, sql string)

func (f beforeQuery) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	f(ctx, q.SQL)
	return ctx
}

func (beforeQuery) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// relayWith relays two tasks with that timeout and a traced connection, and returns how many are
// left in the outbox.
func relayWith(t *testing.T, limit time.Duration, before beforeQuery) (left int, err error) {
	defer func(d time.Duration) { timeout = d }(timeout)
	timeout = limit
	db, queue, _, _ := connected(t)
	for range 2 {
		if err := (Outbox{Tasks{db, queue}}).Enqueue(t.Context(), signup.Task{ID: rand.Text(), Name: "Ada", Email: "ada@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	config := db.Config()
	config.ConnConfig.Tracer = before
	traced, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer traced.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer time.AfterFunc(time.Minute, func() {
		t.Error("after a minute the relay still waits for the database")
		cancel()
	}).Stop()
	_, err = relay(ctx, traced, queue)
	return rows(t, db), err
}

// TestRelayEndsWhenTheDatabaseDoesNotAnswer (claim 7.12): Relay logs it, and connects again.
func TestRelayEndsWhenTheDatabaseDoesNotAnswer(t *testing.T) {
	left, err := relayWith(t, 100*time.Millisecond, func(ctx context.Context, sql string) {
		if strings.HasPrefix(sql, "select id, task") {
			<-ctx.Done()
		}
	})
	if left != 2 || !errors.Is(err, context.Canceled) {
		t.Errorf("the relay returned %v, and the outbox has %d tasks; want %v and 2", err, left, context.Canceled)
	}
}

// TestSlowBatchIsMoved (claim 7.12): the timeout is for one task. The second one takes longer
// than the timeout of the first. Several timeouts, since a busy machine may need longer for the first.
func TestSlowBatchIsMoved(t *testing.T) {
	for _, first := range []time.Duration{time.Second, 4 * time.Second, 16 * time.Second} {
		deleted := 0
		left, err := relayWith(t, first, func(_ context.Context, sql string) {
			if strings.HasPrefix(sql, "delete") {
				timeout = time.Hour
				if deleted++; deleted == 2 {
					<-time.After(first)
				}
			}
		})
		if left == 0 && err == nil {
			return
		}
		t.Logf("with %v for the first task the relay returned %v, and the outbox has %d tasks", first, err, left)
	}
	t.Error("the relay moves no batch that takes longer than one task may")
}
