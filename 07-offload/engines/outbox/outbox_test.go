package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"concurrency/07-offload/engines/contract"
	"concurrency/07-offload/engines/signup"

	"github.com/hibiken/asynq"
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
	queue := asynq.NewClient(at)
	defer queue.Close()
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
	if err := enqueue(t.Context(), queue, nil, "TASK0"); err != nil { // as after a crash between the two
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
