package contract

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestUserAndJobCommitTogether kills River's web process at every message of a sign-up
// to PostgreSQL (claim 7.12): the user's row and its job are both there, or neither is.
func TestUserAndJobCommitTogether(t *testing.T) {
	program := build(t, River)
	t.Log(together(on(t, River, program, private(t, River, program, false))))
}

// TestFirstSignupsAreAcceptedTogether sends more sign-ups than River's pool has connections,
// at the same time, to a database without tables. If each held a connection while it
// migrates, none would get its second one, and all would be answered with 503. (A busy
// machine may answer some of them with 503.)
func TestFirstSignupsAreAcceptedTogether(t *testing.T) {
	program := build(t, River)
	r := on(t, River, program, private(t, River, program, false))
	var group sync.WaitGroup
	var accepted atomic.Int64
	const signups = 64
	for range signups {
		group.Go(func() {
			if _, status, err := r.web.Signup("ada@example.com", rand.Text(), ""); err == nil && status == http.StatusAccepted {
				accepted.Add(1)
			}
		})
	}
	group.Wait()
	if n := accepted.Load(); n < signups/2 {
		t.Errorf("of %d first sign-ups %d were accepted, want nearly all", signups, n)
	}
}

// together is the same as a row of the table.
func together(r *trial) string {
	if r.TwoCommits != "" {
		return "no: " + r.TwoCommits
	}
	at, err := url.Parse(r.server.At)
	r.must(err)
	wire := &Wire{}
	at.Host, err = wire.Proxy("PostgreSQL", at.Host)
	r.must(err)
	kills, err := KillEverywhere(wire, "together.test", func() (*Process, error) { return r.StartWeb(r.program, at.String()) })
	r.must(err)

	db, err := pgx.Connect(r.Context(), r.server.At)
	r.must(err)
	defer db.Close(r.Context())
	count := func(table, email string) (n int) {
		r.must(db.QueryRow(r.Context(), `select count(*) from `+table+` = $1`, email).Scan(&n))
		return n
	}
	both, neither := 0, 0
	var ids []string
	for _, kill := range kills {
		users, jobs := count(`users where email`, kill.Email), count(`river_job where args->>'email'`, kill.Email)
		switch {
		case users != jobs || users > 1:
			r.Errorf("the web process was killed in place of %s: %d users and %d jobs, want 1 and 1 or none", kill.At, users, jobs)
			continue
		case kill.Answered && users == 0:
			r.Errorf("a sign-up was answered with %d, and there is no user", http.StatusAccepted)
		case kill.Answered: // not a kill
		case users == 1:
			both++
		default:
			neither++
		}
		if users == 1 {
			var id string
			r.must(db.QueryRow(r.Context(), `select id from users where email = $1`, kill.Email).Scan(&id))
			ids = append(ids, id)
		}
	}
	if both == 0 || neither == 0 {
		r.Errorf("%d kills left both and %d neither; want some of each, or the kills missed the commit", both, neither)
	}
	r.worker(4)
	r.delivered(30*time.Second, ids...)
	return fmt.Sprintf("yes, killed at %d points: both %d, neither %d", both+neither, both, neither)
}
