package main

import (
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// newQueue returns a queue with IDs 1-A, 2-A and so on, and tokens A.
func newQueue() *Queue { return NewQueue(10*time.Second, func() string { return "A" }) }

// added adds a job that is due at that time.
func added(q *Queue, kind string, due, now time.Time) *Job {
	return must1(q.Add(NewJob{Kind: kind, Due: due, Policy: Policy{Attempts: 2, Backoff: 5 * time.Second, Cap: time.Minute}}, now))
}

// get returns the job with that ID, or nil.
func (q *Queue) get(id string) *Job {
	j, _ := q.Get(id)
	return j
}

// everyJob returns the jobs in all places of a queue.
func everyJob(q *Queue) (jobs []*Job) {
	for _, h := range q.groups {
		jobs = append(jobs, h.jobs...)
	}
	return jobs
}

// again returns a queue as a restart of the broker would have it.
func again(t *testing.T, q *Queue, now time.Time) *Queue {
	must := mustIn(t)
	t.Helper()
	fresh := NewQueue(q.Lease, q.Random)
	fresh.Backlog, fresh.Keep = q.Backlog, q.Keep
	for _, j := range everyJob(q) {
		must(decodeChange(change{*j}.encode(), func(j *Job) { fresh.Restore(j, now) }))
	}
	return fresh
}

// TestQueuePlacesEachJobByItsState takes two thousand random steps, with restarts in
// between, and compares the places of the queue with the state of each job (claim 7.8).
func TestQueuePlacesEachJobByItsState(t *testing.T) {
	seed := mathrand.Uint64()
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	q := newQueue()
	q.Keep = 20
	token := 0
	q.Random = func() string { token++; return fmt.Sprint("token", token) }
	now := time.Now()
	any := func() (id, token string) {
		all := everyJob(q)
		if len(all) == 0 {
			return "none", "none"
		}
		j := all[random.IntN(len(all))]
		return j.ID, j.Token
	}
	for step := range 2000 {
		now = now.Add(time.Duration(random.Int64N(int64(time.Second))))
		id, token := any()
		switch random.IntN(11) {
		case 0, 1:
			added(q, "welcome-mail", now.Add(time.Duration(random.Int64N(int64(20*time.Second)))-10*time.Second), now)
		case 2, 3, 4:
			q.promote(now)
			due := q.List(Queued, 2000)
			j := q.Next("w", allKinds, now)
			if (j == nil) != (len(due) == 0) || slices.ContainsFunc(due, func(other *Job) bool { return other.Due.Before(j.Due) }) {
				t.Fatalf("seed %d, step %d: due are %v, but the worker got %v", seed, step, due, j)
			}
		case 5:
			q.Update(id, Update{Token: token, Event: Finished}, now)
		case 6:
			q.Update(id, Update{Token: token, Event: Failed, Error: "451 busy"}, now)
		case 7:
			q.Cancel(id, now)
		case 8:
			q.Requeue(id, now)
		case 9:
			q.Expire(now)
		case 10:
			q.Update(id, Update{Token: token, Event: Heartbeat}, now)
		}
		if step%200 == 199 {
			q = again(t, q, now)
		}
		q.promote(now)
		all := everyJob(q)
		if len(all) != len(q.jobs) {
			t.Fatalf("seed %d, step %d: %d jobs in places, %d known", seed, step, len(all), len(q.jobs))
		}
		for _, j := range all {
			want := q.groups[group{j.State, ""}]
			if j.State == Queued && j.Due.After(now) {
				want = q.groups[group{Scheduled, ""}]
			} else if j.State == Queued {
				want = q.groups[group{Queued, j.Kind}]
			}
			if j.in != want || want.jobs[j.index] != j {
				t.Fatalf("seed %d, step %d: a job that is %s is in the wrong place", seed, step, j.View(now).State)
			}
			if parent := (j.index - 1) / 2; j.index > 0 && j.before(want.jobs[parent]) {
				t.Fatalf("seed %d, step %d: of jobs that are %s, a later one is before an earlier one", seed, step, j.View(now).State)
			}
		}
	}
}

// TestTiesInTimeAreDecidedByTheNumber has jobs that were all due, failed or ended at
// the same instant, as with a coarse clock: their order is that of their numbers,
// before and after a restart.
func TestTiesInTimeAreDecidedByTheNumber(t *testing.T) {
	q, now := newQueue(), time.Now()
	q.Retry = func(Policy, int) time.Duration { return time.Minute }
	var want []string
	for range 30 {
		want = append(want, added(q, "welcome-mail", now, now).ID)
	}
	ids := func(jobs []*Job) (ids []string) {
		for _, j := range jobs {
			ids = append(ids, j.ID)
		}
		return ids
	}
	for _, state := range []State{Queued, Running, Scheduled, Queued, Running, Dead} {
		for _, q := range []*Queue{q, again(t, q, now)} {
			if got := ids(q.List(state, 100)); !slices.Equal(got, want) {
				t.Errorf("%s at the same instant: got the order %v", state, got)
			}
		}
		var got []string
		switch state {
		case Queued:
			for range want {
				got = append(got, q.Next("w", allKinds, now).ID)
			}
		case Running:
			if q.Update("1-A", Update{Token: "A", Event: Failed}, now); true {
				got = append(got, "1-A")
			}
			for now = now.Add(10 * time.Second); q.count(Running) > 0; {
				got = append(got, q.Expire(now)[0].ID)
			}
			for _, j := range everyJob(q) {
				if j.Due, j.Ended = now.Add(time.Minute), now; j.State != Dead {
					j.Ended = time.Time{}
				}
				q.place(j, now)
			}
		case Scheduled:
			now = now.Add(time.Minute)
			q.promote(now)
			continue
		default:
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s at the same instant, then taken: got the order %v", state, got)
		}
	}
}

// TestLeaseGivesOnlyTheKindsThatTheWorkerNames and of those the one that is due first.
func TestLeaseGivesOnlyTheKindsThatTheWorkerNames(t *testing.T) {
	q, now := newQueue(), time.Now()
	report := added(q, "newsletter", now, now)
	mail := added(q, "welcome-mail", now, now)
	if j := q.Next("w", []string{"welcome-mail", "unknown"}, now); j != mail {
		t.Errorf("a worker for emails got %v", j)
	}
	if j := q.Next("w", []string{"welcome-mail"}, now); j != nil {
		t.Errorf("a worker for emails got %v", j)
	}
	second := added(q, "welcome-mail", now, now)
	if j := q.Next("w", allKinds, now); j != report {
		t.Errorf("a worker for both got %v, want the report, which is due for longer", j)
	}
	added(q, "newsletter", now, now)
	if j := q.Next("w", allKinds, now); j != second {
		t.Errorf("a worker for both got %v, want the email, which is due for longer, although it names the other kind first", j)
	}
}

// TestReportUnderAnotherTokenOrAfterTheEndChangesNothing (claim 7.5).
func TestReportUnderAnotherTokenOrAfterTheEndChangesNothing(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		state string
		token string
		want  error
	}{
		{"running", "B", ErrFenced}, {"running", "", ErrFenced}, {"queued", "", ErrFenced},
		{"done", "A", ErrFenced}, {"canceled", "", ErrFenced}, {"dead", "A", ErrFenced}, {"unknown", "A", ErrNotFound},
	} {
		for _, report := range []string{"done", "fail", "release", "heartbeat"} {
			if test.state == "done" && report == "done" {
				continue // a repeated report, see below
			}
			q := newQueue()
			j := added(q, "welcome-mail", now, now)
			if test.state != "queued" {
				q.Next("w", allKinds, now)
			}
			switch test.state {
			case "done":
				q.Update(j.ID, Update{Token: "A", Event: Finished}, now)
			case "canceled":
				q.Cancel(j.ID, now)
			case "dead":
				q.Update(j.ID, Update{Token: "A", Event: Failed, Permanent: true}, now)
			case "unknown":
				q.forget(j)
			}
			before := *j
			var err error
			switch report {
			case "done":
				_, err = q.Update(j.ID, Update{Token: test.token, Event: Finished}, now)
			case "fail":
				_, err = q.Update(j.ID, Update{Token: test.token, Event: Failed}, now)
			case "release":
				_, err = q.Update(j.ID, Update{Token: test.token, Event: Released}, now)
			case "heartbeat":
				_, err = q.Update(j.ID, Update{Token: test.token, Event: Heartbeat, Progress: Progress{1, 2}}, now)
			}
			if err != test.want || fmt.Sprint(*j) != fmt.Sprint(before) {
				t.Errorf("%s under %q of a job that is %s: got %v, want %v and no change", report, test.token, test.state, err, test.want)
			}
		}
	}
}

// TestRequeueNeedsADeadLetter and it gives all attempts again.
func TestRequeueNeedsADeadLetter(t *testing.T) {
	q, now := newQueue(), time.Now()
	j := added(q, "welcome-mail", now, now)
	for _, state := range []State{Queued, Running, Done} {
		if state == Running {
			q.Next("w", allKinds, now)
		} else if state == Done {
			q.Update(j.ID, Update{Token: "A", Event: Finished}, now)
		}
		if _, err := q.Requeue(j.ID, now); err != ErrState || j.State != state {
			t.Errorf("requeued while %s: got %v, and it is %s", state, err, j.State)
		}
	}
	dead := added(q, "welcome-mail", now, now)
	q.Next("w", allKinds, now)
	q.Update(dead.ID, Update{Token: "A", Event: Failed, Error: "550", Permanent: true}, now)
	if dead.State != Dead || dead.Attempts != 1 {
		t.Errorf("after a permanent failure it is %s after %d attempts", dead.State, dead.Attempts)
	}
	if _, err := q.Requeue(dead.ID, now); err != nil || dead.State != Queued || dead.Attempts != 0 || !dead.Ended.IsZero() {
		t.Errorf("requeued: %v, it is %s after %d attempts and ended %v", err, dead.State, dead.Attempts, dead.Ended)
	}
}

// TestJobThatWaitsHasNoLease after its worker has failed, released or lost it.
func TestJobThatWaitsHasNoLease(t *testing.T) {
	for what, end := range map[string]func(q *Queue, j *Job, now time.Time) ([]*Job, error){
		"failed": func(q *Queue, j *Job, now time.Time) ([]*Job, error) {
			return q.Update(j.ID, Update{Token: "A", Event: Failed, Error: "451"}, now)
		},
		"released": func(q *Queue, j *Job, now time.Time) ([]*Job, error) {
			return q.Update(j.ID, Update{Token: "A", Event: Released}, now)
		},
		"expired": func(q *Queue, j *Job, now time.Time) ([]*Job, error) { return q.Expire(now.Add(time.Hour)), nil },
	} {
		q, now := newQueue(), time.Now()
		j := added(q, "welcome-mail", now, now)
		q.Next("w", allKinds, now)
		if _, err := end(q, j, now); err != nil || j.State != Queued || j.Worker != "" || j.Token != "" || !j.Expires.IsZero() {
			t.Errorf("%s: %v, it is %s with the worker %q, the token %q and the lease %v", what, err, j.State, j.Worker, j.Token, j.Expires)
		}
	}
}

// TestCanceledJobDoesNotRecur (claim 7.4), but one that is a dead letter does.
func TestCanceledJobDoesNotRecur(t *testing.T) {
	q, now := newQueue(), time.Now()
	n := NewJob{Kind: "newsletter", Due: now, Policy: Policy{Attempts: 1, Every: time.Minute}}
	canceled, dead := must1(q.Add(n, now)), must1(q.Add(n, now))
	if changed := must1(q.Cancel(canceled.ID, now)); len(changed) != 1 || len(q.jobs) != 2 {
		t.Errorf("a series was canceled, and has %d jobs more", len(q.jobs)-2)
	}
	q.Next("w", allKinds, now)
	if changed := must1(q.Update(dead.ID, Update{Token: "A", Event: Failed}, now)); len(changed) != 2 || !changed[1].Due.Equal(now.Add(time.Minute)) {
		t.Errorf("a job of a series is a dead letter: %d jobs changed, want also the next one, in a minute", len(changed))
	}
}

// TestLatestEndedJobsAreKept: a key is known for as long as its job, which waited
// while many others ended; a restart does not change that.
func TestLatestEndedJobsAreKept(t *testing.T) {
	for _, state := range []State{Done, Dead, Canceled} {
		q, now := newQueue(), time.Now()
		q.Keep = 10
		k := must1(q.Add(NewJob{Kind: "newsletter", Key: "k", Due: now}, now))
		end := func(j *Job) {
			now = now.Add(time.Millisecond)
			for q.Next("w", []string{j.Kind}, now) != j {
			}
			switch state {
			case Done:
				q.Update(j.ID, Update{Token: "A", Event: Finished}, now)
			case Dead:
				q.Update(j.ID, Update{Token: "A", Event: Failed, Permanent: true}, now)
			case Canceled:
				q.Cancel(j.ID, now)
			}
		}
		for range 25 {
			end(added(q, "welcome-mail", now, now))
		}
		end(k)
		for others := range 10 {
			for restarts, q := range []*Queue{q, again(t, q, now)} {
				if q.keys["k"] == nil || q.count(state) != 10 || len(q.jobs) != 10 {
					t.Fatalf("%d %s since, %d restarts: the key's job is %v, and %d are kept of 10", others, state, restarts, q.keys["k"], q.count(state))
				}
			}
			end(added(q, "welcome-mail", now, now))
		}
		if len(q.keys) != 0 || len(q.jobs) != 10 {
			t.Errorf("10 others are %s since, and the key is still known: %v", state, q.keys["k"])
		}
	}
}

// TestEachStateKeepsItsOwnEndedJobs: those that end in another state replace none.
func TestEachStateKeepsItsOwnEndedJobs(t *testing.T) {
	q, now := newQueue(), time.Now()
	q.Keep = 1
	for range 2 {
		for _, u := range []Update{{Event: Finished}, {Event: Failed, Permanent: true}} {
			added(q, "welcome-mail", now, now)
			u.Token = "A"
			must1(q.Update(q.Next("w", allKinds, now).ID, u, now))
		}
		must1(q.Cancel(added(q, "welcome-mail", now, now).ID, now))
	}
	if done, dead, canceled := q.count(Done), q.count(Dead), q.count(Canceled); done != 1 || dead != 1 || canceled != 1 {
		t.Errorf("two jobs have ended in each state, and of each 1 is kept: %d are done, %d dead, %d canceled", done, dead, canceled)
	}
}

// TestNextAttemptBeginsWithoutProgress: that of the attempt before says nothing about it.
func TestNextAttemptBeginsWithoutProgress(t *testing.T) {
	q, now := newQueue(), time.Now()
	j := added(q, "welcome-mail", now, now)
	q.Next("w", allKinds, now)
	q.Update(j.ID, Update{Token: "A", Event: Heartbeat, Progress: Progress{1, 2}}, now)
	q.Update(j.ID, Update{Token: "A", Event: Failed}, now)
	if next := q.Next("w", allKinds, now.Add(time.Hour)); next != j || j.Attempts != 2 || j.Progress != (Progress{}) {
		t.Errorf("attempt %d begins with the progress %v, want attempt 2 and none", j.Attempts, j.Progress)
	}
}

// TestDeadLetterCanBeCanceled, so it is none any more.
func TestDeadLetterCanBeCanceled(t *testing.T) {
	q, now := newQueue(), time.Now()
	j := added(q, "welcome-mail", now, now)
	q.Next("w", allKinds, now)
	q.Update(j.ID, Update{Token: "A", Event: Failed, Permanent: true}, now)
	if _, err := q.Cancel(j.ID, now); err != nil || j.State != Canceled || q.count(Dead) != 0 {
		t.Errorf("a dead letter was canceled: %v, and it is %s", err, j.State)
	}
}

// TestMemoryFollowsWhatIsLive schedules and cancels 100,000 jobs, behind one that
// waits, and renews a lease as often: nothing of that stays.
func TestMemoryFollowsWhatIsLive(t *testing.T) {
	q, now := newQueue(), time.Now()
	q.Keep = 10
	added(q, "welcome-mail", now, now)
	running := added(q, "newsletter", now, now)
	q.Next("w", []string{"newsletter"}, now)
	for i := range 100_000 {
		due := now
		if i%2 == 0 {
			due = now.Add(9000 * time.Hour)
		}
		q.Cancel(added(q, "welcome-mail", due, now).ID, now)
		q.Update(running.ID, Update{Token: "A", Event: Heartbeat}, now)
	}
	kept := len(q.jobs)
	for _, h := range q.groups {
		kept = max(kept, cap(h.jobs))
	}
	if kept > 50 {
		t.Errorf("2 jobs are live and 10 are kept, but something has %d entries", kept)
	}
	for range 1000 {
		added(q, "welcome-mail", now, now)
	}
	for q.Next("w", []string{"welcome-mail"}, now) != nil {
	}
	if c := cap(q.groups[group{Queued, "welcome-mail"}].jobs); c > 50 {
		t.Errorf("1001 jobs waited and none does now, but there is memory for %d", c)
	}
}

// TestKeyOfAnEndedJobIsKnown: a client that repeats its request later does not repeat the work.
func TestKeyOfAnEndedJobIsKnown(t *testing.T) {
	q, now := newQueue(), time.Now()
	n := NewJob{Kind: "newsletter", Due: now, Key: "k"}
	first := must1(q.Add(n, now))
	q.Next("w", allKinds, now)
	must1(q.Update(first.ID, Update{Token: "A", Event: Finished}, now))
	if again := must1(q.Add(n, now)); again.ID != first.ID || again.State != Done {
		t.Errorf("the job with this key is done, but adding it again returned job %s, which is %s", again.ID, again.State)
	}
}

// TestBacklogCountsWhatHasNotEnded: ended jobs do not count, and a key that is known
// needs no place.
func TestBacklogCountsWhatHasNotEnded(t *testing.T) {
	q, now := newQueue(), time.Now()
	q.Backlog = 3
	n := NewJob{Kind: "newsletter", Key: "k", Due: now.Add(time.Hour)}
	must1(q.Add(n, now))
	added(q, "welcome-mail", now, now)
	added(q, "welcome-mail", now, now)
	running := q.Next("w", allKinds, now)
	if _, err := q.Add(NewJob{Kind: "newsletter", Due: now}, now); err != ErrBacklogFull {
		t.Fatalf("one job scheduled, one waiting and one running, of 3: another one got %v, want %v", err, ErrBacklogFull)
	}
	must1(q.Add(n, now))
	q.Update(running.ID, Update{Token: "A", Event: Failed, Permanent: true}, now)
	for _, state := range []State{Done, Canceled} {
		j := added(q, "welcome-mail", now, now) // in the place of the one that has ended
		if state == Canceled {
			must1(q.Cancel(j.ID, now))
			continue
		}
		must1(q.Update(q.Next("w", allKinds, now).ID, Update{Token: "A", Event: Finished}, now))
	}
	added(q, "welcome-mail", now, now)
}

func decoded(content []byte) (jobs []*Job, err error) {
	err = decodeChange(content, func(j *Job) { jobs = append(jobs, j) })
	return jobs, err
}

// TestChangeIsReadAsItWasWritten with a value in each field.
func TestChangeIsReadAsItWasWritten(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 7) }
	j := Job{ID: "3-A", Kind: "k", Payload: []byte(`{"a":1}`), Key: "key", Policy: Policy{1, 2, 3, 4, 5}, State: Running, Attempts: 6,
		Error: "e", Progress: Progress{7, 8}, Created: at(9), Due: at(10), planned: at(11), Ended: at(12), Worker: "w", Token: "t", Expires: at(13), number: 3}
	content := change{j, {ID: "4-A", number: 4}}.encode()
	read := slices.Clone(content)
	jobs, err := decoded(read)
	clear(read) // the jobs have copies
	if err != nil || len(jobs) != 2 || fmt.Sprint(*jobs[0]) != fmt.Sprint(j) || jobs[1].ID != "4-A" || !jobs[1].Due.IsZero() {
		t.Errorf("wrote %v\nread  %v, %v", j, jobs, err)
	}
	for n := range content[1:] {
		if jobs, err := decoded(content[:n+1]); err == nil && len(jobs) > 1 {
			t.Errorf("read two jobs from %d bytes of %d", n+1, len(content))
		}
	}
}

// TestRetryDoublesItsLimitAndNeverOverflows up to the cap, and a day (claim 7.3).
func TestRetryDoublesItsLimitAndNeverOverflows(t *testing.T) {
	for _, test := range []struct {
		p        Policy
		attempts int
		limit    time.Duration
	}{
		{Policy{Backoff: time.Second, Cap: time.Minute}, 1, time.Second},
		{Policy{Backoff: time.Second, Cap: time.Minute}, 4, 8 * time.Second},
		{Policy{Backoff: time.Second, Cap: time.Minute}, 7, time.Minute},
		{Policy{Backoff: 1<<63 - 1, Cap: 1<<63 - 1}, 1<<31 - 1, day},
		{Policy{Backoff: -5, Cap: -1}, 3, 0},
	} {
		var longest time.Duration
		for range 500 {
			wait := test.p.Retry(test.attempts)
			if wait < 0 {
				t.Fatalf("%+v: a wait of %v after %d attempts", test.p, wait, test.attempts)
			}
			longest = max(longest, wait)
		}
		if longest > test.limit || longest < test.limit*9/10 {
			t.Errorf("%+v: the longest of 500 waits after %d attempts is %v, want almost %v", test.p, test.attempts, longest, test.limit)
		}
	}
}

// TestLimitsOfANewJob tries each just within and just beyond.
func TestLimitsOfANewJob(t *testing.T) {
	now := time.Now()
	good := func() NewJob { return NewJob{Kind: "newsletter", Payload: []byte(`{}`)} }
	with := func(f func(n *NewJob)) NewJob { n := good(); f(&n); return n }
	policy := func(p Policy) NewJob { return with(func(n *NewJob) { n.Policy = p }) }
	text := func(n int) []byte { return []byte(`"` + strings.Repeat("<", n-2) + `"`) }
	for _, test := range []struct {
		n    NewJob
		want string // in the error, or "" for none
	}{
		{good(), ""},
		{with(func(n *NewJob) { n.Kind = "unknown" }), "kind"},
		{with(func(n *NewJob) { n.Payload = nil }), "JSON"},
		{with(func(n *NewJob) { n.Payload = []byte(" null ") }), "not null"},
		{with(func(n *NewJob) { n.Payload = []byte("{") }), "JSON"},
		{with(func(n *NewJob) { n.Payload = []byte("\"\xff\"") }), "JSON"},
		{with(func(n *NewJob) { n.Payload = text(payloadMax) }), ""},
		{with(func(n *NewJob) { n.Payload = text(payloadMax + 1) }), "payload"},
		{with(func(n *NewJob) { n.Key = strings.Repeat("k", keyMax) }), ""},
		{with(func(n *NewJob) { n.Key = strings.Repeat("k", keyMax+1) }), "key"},
		{with(func(n *NewJob) { n.Key = strings.Repeat("é", keyMax/2+1) }), "key"}, // bytes count, not characters
		{with(func(n *NewJob) { n.Key = "\xff" }), "key"},
		{with(func(n *NewJob) { n.Due = now.Add(year) }), ""},
		{with(func(n *NewJob) { n.Due = now.Add(year + 1) }), "due"},
		{policy(Policy{Attempts: 100}), ""},
		{policy(Policy{Attempts: 101}), "attempts"},
		{policy(Policy{Attempts: -1}), "attempts"},
		{policy(Policy{Deadline: day, Backoff: day, Cap: day}), ""},
		{policy(Policy{Deadline: day + 1}), "deadline"},
		{policy(Policy{Deadline: -1}), "deadline"},
		{policy(Policy{Backoff: -1}), "backoff"},
		{policy(Policy{Backoff: 1<<63 - 1, Cap: 1<<63 - 1}), "backoff"},
		{policy(Policy{Cap: -1}), "cap"},
		{policy(Policy{Every: 100 * time.Millisecond}), ""},
		{policy(Policy{Every: 1}), "every"},
		{policy(Policy{Every: -time.Hour}), "every"},
		{policy(Policy{Every: year + 1}), "every"},
	} {
		n, err := test.n.check(now)
		if (err == nil) != (test.want == "") || err != nil && (!errors.Is(err, ErrBadJob) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%.80v: got %v, want an error about %q", test.n, err, test.want)
		}
		if err == nil && (n.Policy.Attempts == 0 || n.Policy.Deadline == 0 || n.Due.IsZero()) {
			t.Errorf("%.80v: the policy was not completed: %+v", test.n, n)
		}
	}
}

// TestLongErrorIsCutAndItsHeadKept between two characters.
func TestLongErrorIsCutAndItsHeadKept(t *testing.T) {
	if got := cut(strings.Repeat("a", errorMax-1)+"é…", errorMax); got != strings.Repeat("a", errorMax-1) {
		t.Errorf("cut to %d bytes that end in %q", len(got), got[len(got)-3:])
	}
	q, now := newQueue(), time.Now()
	j := added(q, "newsletter", now, now)
	q.Next("w", allKinds, now)
	q.Update(j.ID, Update{Token: "A", Event: Failed, Error: "451 busy " + strings.Repeat("x", 70<<10)}, now)
	if len(j.Error) != errorMax || !strings.HasPrefix(j.Error, "451 busy xxx") {
		t.Errorf("an error of 70 KB was kept as %d bytes: %.20q", len(j.Error), j.Error)
	}
}

// TestWaitDependsOnTheNumberOfAttempts: the first retry comes after one attempt.
func TestWaitDependsOnTheNumberOfAttempts(t *testing.T) {
	q, now := newQueue(), time.Now()
	var after []int
	q.Retry = func(_ Policy, n int) time.Duration {
		after = append(after, n)
		return time.Second
	}
	must1(q.Add(NewJob{Kind: "newsletter", Due: now, Policy: Policy{Attempts: 4}}, now))
	for q.count(Dead) == 0 {
		q.Next("w", allKinds, now)
		q.Update("1-A", Update{Token: "A", Event: Failed}, now)
		now = now.Add(time.Second)
	}
	if want := []int{1, 2, 3}; !slices.Equal(after, want) {
		t.Errorf("the waits before the retries are those after %v attempts, want %v", after, want)
	}
}
