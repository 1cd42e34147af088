package main

import (
	"errors"
	"flag"
	"os"
	"testing"

	"concurrency/07-offload/engines/contract"
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
	r, err := s.kill(t.Context(), program, way)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", way, r)
	return r
}
