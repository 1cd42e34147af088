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

// TestQueueHasNoClock passes times of 1990 to its methods. All times of its jobs are then
// of that year, and none is due or expired before its time.
func TestQueueHasNoClock(t *testing.T) {
	q, now := newQueue(), time.Date(1990, time.May, 1, 0, 0, 0, 0, time.UTC)
	q.Retry = func(Policy, int) time.Duration { return time.Minute }
	must1(q.Add(NewJob{Kind: "newsletter", Due: now, Policy: Policy{Attempts: 2, Every: time.Hour}}, now))
	must := mustIn(t)
	var j *Job
	next := func() {
		if j = q.Next("w", allKinds, now); j == nil {
			t.Fatal("no job is due")
		}
	}
	report := func(e Event) {
		_, err := q.Update(j.ID, Update{Token: j.Token, Event: e}, now)
		must(err)
	}
	for i, step := range []func(){
		next, func() { report(Heartbeat) }, func() { report(Failed) },
		func() { now = now.Add(time.Minute) },
		next, func() { report(Released) },
		next, func() { report(Failed) }, // a dead letter, and the next job of the series
		func() { must1(q.Requeue(j.ID, now)) },
		next, func() { report(Finished) },
		func() { must1(q.Cancel(q.List(Scheduled, 1)[0].ID, now)) },
	} {
		step()
		if early := q.Expire(now); early != nil {
			t.Errorf("after step %d a lease has expired before its time: %v", i+1, early)
		}
		for _, j := range everyJob(q) {
			for what, at := range map[string]time.Time{"was created": j.Created, "is due": j.Due, "ended": j.Ended, "is leased until": j.Expires} {
				if !at.IsZero() && at.Year() != now.Year() {
					t.Errorf("after step %d job %s %s %v, want a time in %d", i+1, j.ID, what, at, now.Year())
				}
			}
		}
	}
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
			for j := q.Next("w", allKinds, now); j != nil; j = q.Next("w", allKinds, now) {
				got = append(got, j.ID)
			}
		case Running:
			if q.Update("1-A", Update{Token: "A", Event: Failed}, now); true {
				got = append(got, "1-A")
			}
			now = now.Add(10 * time.Second) // a whole lease
			got = append(got, ids(q.Expire(now))...)
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
	first := added(q, "welcome-mail", now.Add(-time.Second), now)
	if j := q.Next("w", allKinds, now); j != first {
		t.Errorf("a worker for both got %v, want the email, which came last and is due for longest", j)
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
		{"done", "A", ErrFenced}, {"done", "B", ErrFenced}, {"canceled", "", ErrFenced}, {"dead", "A", ErrFenced}, {"unknown", "A", ErrNotFound},
	} {
		for _, report := range []string{"done", "fail", "release", "heartbeat"} {
			if test.state == "done" && test.token == "A" && report == "done" {
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

// TestReportChangesItsJob as the comment of its event says. The job has failed once before.
func TestReportChangesItsJob(t *testing.T) {
	began := time.Now()
	again, at := began.Add(2*time.Second), began.Add(5*time.Second) // of the second attempt, and of its report
	for _, test := range []struct {
		u    Update
		want Job
		err  error
	}{
		{Update{Event: Heartbeat, Progress: Progress{1, 2}}, Job{State: Running, Attempts: 2, Error: "451", Progress: Progress{1, 2}, Due: again, Expires: at.Add(10 * time.Second)}, nil},
		{Update{Event: Finished, Progress: Progress{2, 2}}, Job{State: Done, Attempts: 2, Progress: Progress{2, 2}, Due: again, Ended: at}, nil},
		{Update{Event: Failed, Error: "452"}, Job{State: Queued, Attempts: 2, Error: "452", Due: at.Add(2 * time.Second)}, nil},
		{Update{Event: Failed, Error: "550", Permanent: true}, Job{State: Dead, Attempts: 2, Error: "550", Due: again, Ended: at}, nil},
		{Update{Event: Released}, Job{State: Queued, Attempts: 1, Error: "451", Due: at}, nil},
		{Update{Event: ""}, Job{State: Running, Attempts: 2, Error: "451", Due: again, Expires: again.Add(10 * time.Second)}, ErrBadJob},
		{Update{Event: Finished, Progress: Progress{2, 1}}, Job{State: Running, Attempts: 2, Error: "451", Due: again, Expires: again.Add(10 * time.Second)}, ErrBadJob},
	} {
		q := newQueue()
		q.Retry = func(Policy, int) time.Duration { return 2 * time.Second }
		j := must1(q.Add(NewJob{Kind: "newsletter", Due: began, Policy: Policy{Attempts: 3}}, began))
		q.Next("w", allKinds, began)
		must1(q.Update(j.ID, Update{Token: "A", Event: Failed, Error: "451"}, began))
		q.Next("w", allKinds, again)
		test.u.Token = "A"
		changed, err := q.Update(j.ID, test.u, at)
		got := Job{State: j.State, Attempts: j.Attempts, Error: j.Error, Progress: j.Progress, Due: j.Due, Ended: j.Ended, Expires: j.Expires}
		if !errors.Is(err, test.err) || (len(changed) == 1) != (test.err == nil) || fmt.Sprint(got) != fmt.Sprint(test.want) {
			t.Errorf("%+v: got %v, %d jobs changed, and\n%+v; want %v and\n%+v", test.u, err, len(changed), got, test.err, test.want)
		}
	}
}

// TestCancelEndsAJobAndItsLease, but not one that is done or canceled.
func TestCancelEndsAJobAndItsLease(t *testing.T) {
	for _, state := range []State{Scheduled, Queued, Running, Done, Canceled} {
		q, now := newQueue(), time.Now()
		due, want := now, error(nil)
		if state == Scheduled {
			due = now.Add(time.Hour)
		}
		j := added(q, "newsletter", due, now)
		if state == Running || state == Done {
			q.Next("w", allKinds, now)
		}
		switch state {
		case Done:
			must1(q.Update(j.ID, Update{Token: "A", Event: Finished}, now))
			want = ErrState
		case Canceled:
			must1(q.Cancel(j.ID, now))
			want = ErrState
		}
		before, later := *j, now.Add(time.Second)
		_, err := q.Cancel(j.ID, later)
		if err != want || err != nil && fmt.Sprint(*j) != fmt.Sprint(before) || err == nil && (j.State != Canceled || !j.Ended.Equal(later) || !j.Expires.IsZero()) {
			t.Errorf("a job that was %s: got %v, and it is %s, ended %v with a lease until %v; want %v", state, err, j.State, j.Ended, j.Expires, want)
		}
		if _, err := q.Update(j.ID, Update{Token: "A", Event: Heartbeat}, later); err != ErrFenced {
			t.Errorf("a heartbeat after Cancel, of a job that was %s: got %v, want %v", state, err, ErrFenced)
		}
	}
}

// TestListHasUpToNJobsInTheirOrder, of one state or of all.
func TestListHasUpToNJobsInTheirOrder(t *testing.T) {
	q, now := newQueue(), time.Now()
	want := make(map[State][]string)
	for range 3 {
		for _, state := range []State{Canceled, Queued, Running, Scheduled, Dead, Queued, Done} {
			now = now.Add(-time.Second) // so the latest job has the earliest time
			due := now
			if state == Scheduled {
				due = now.Add(time.Hour)
			}
			j := added(q, fmt.Sprint(len(want[""])), due, now) // a kind of its own
			switch {
			case state == Canceled:
				must1(q.Cancel(j.ID, now))
			case state == Running || state.Ended():
				q.Next("w", []string{j.Kind}, due)
			}
			switch state {
			case Dead:
				must1(q.Update(j.ID, Update{Token: "A", Event: Failed, Permanent: true}, now))
			case Done:
				must1(q.Update(j.ID, Update{Token: "A", Event: Finished}, now))
			}
			want[state], want[""] = append(want[state], j.ID), append(want[""], j.ID)
		}
	}
	for state, all := range want {
		for _, n := range []int{0, 1, 2, len(all), 100} {
			var got []string
			for _, j := range q.List(state, n) {
				got = append(got, j.ID)
			}
			listed := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !slices.Contains(got, id) })
			if len(got) != min(n, len(all)) || !slices.Equal(got, listed) {
				t.Errorf("up to %d jobs in state %q: got %v, want %d of %v in this order", n, state, got, min(n, len(all)), all)
			}
		}
	}
}

// TestRequeueNeedsADeadLetter and it gives all attempts again.
func TestRequeueNeedsADeadLetter(t *testing.T) {
	q, now := newQueue(), time.Now()
	j := added(q, "welcome-mail", now, now)
	for _, state := range []State{Queued, Running, Done, Canceled} {
		switch state {
		case Running:
			q.Next("w", allKinds, now)
		case Done:
			q.Update(j.ID, Update{Token: "A", Event: Finished}, now)
		case Canceled:
			j = added(q, "welcome-mail", now, now)
			must1(q.Cancel(j.ID, now))
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
	if _, err := q.Requeue(dead.ID, now); err != nil || dead.State != Queued || dead.Attempts != 0 || !dead.Ended.IsZero() || dead.Error != "550" || !dead.Due.Equal(now) {
		t.Errorf("requeued: %v, it is %s after %d attempts with the error %q, due %v and ended %v", err, dead.State, dead.Attempts, dead.Error, dead.Due, dead.Ended)
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
	n := NewJob{Kind: "newsletter", Payload: []byte(`["ada@example.com"]`), Due: now, Policy: Policy{Attempts: 1, Every: time.Minute}}
	canceled, dead := must1(q.Add(n, now)), must1(q.Add(n, now))
	if changed := must1(q.Cancel(canceled.ID, now)); len(changed) != 1 || len(q.jobs) != 2 {
		t.Errorf("a series was canceled, and has %d jobs more", len(q.jobs)-2)
	}
	q.Next("w", allKinds, now)
	if changed := must1(q.Update(dead.ID, Update{Token: "A", Event: Failed}, now)); len(changed) != 2 || !changed[1].Due.Equal(now.Add(time.Minute)) {
		t.Errorf("a job of a series is a dead letter: %d jobs changed, want also the next one, in a minute", len(changed))
	} else if next := changed[1]; next.Kind != n.Kind || string(next.Payload) != string(n.Payload) || next.Policy != n.Policy || next.Attempts != 0 {
		t.Errorf("the next job of a series is %s %s with %+v after %d attempts, want %s %s with %+v", next.Kind, next.Payload, next.Policy, next.Attempts, n.Kind, n.Payload, n.Policy)
	}
}

// TestNextJobOfASeriesIsDueLater than now: all times that have passed are skipped, and this very instant.
func TestNextJobOfASeriesIsDueLater(t *testing.T) {
	for ended, want := range map[time.Duration]time.Duration{-time.Second: time.Minute, 0: time.Minute, time.Minute - 1: time.Minute,
		time.Minute: 2 * time.Minute, time.Minute + 1: 2 * time.Minute, 10 * time.Minute: 11 * time.Minute} {
		q, due := newQueue(), time.Now()
		j := must1(q.Add(NewJob{Kind: "newsletter", Due: due, Policy: Policy{Attempts: 1, Every: time.Minute}}, due))
		q.Next("w", allKinds, due)
		changed := must1(q.Update(j.ID, Update{Token: "A", Event: Finished}, due.Add(ended)))
		if len(changed) != 2 || changed[1].Due.Sub(due) != want {
			t.Errorf("a job that recurs every minute ended %v after it was due: %d jobs changed, and the last is due %v later, want %v", ended, len(changed), changed[len(changed)-1].Due.Sub(due), want)
		}
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
	if _, err := q.Requeue(running.ID, now); err != nil {
		t.Errorf("the backlog is full, and a requeue got %v, want none", err)
	}
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

// TestFirstRetryOfEachKindCanBeWatched: it comes within a second.
func TestFirstRetryOfEachKindCanBeWatched(t *testing.T) {
	for kind, p := range Kinds {
		for range 100 {
			if wait := p.Retry(1); wait > time.Second {
				t.Fatalf("the first retry of a %s comes after %v, want at most 1s", kind, wait)
			}
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
			t.Errorf("%s %.40q, key %.40q, due %v, %+v: got %v, want an error about %q", test.n.Kind, test.n.Payload, test.n.Key, test.n.Due, test.n.Policy, err, test.want)
		}
		if err == nil && (n.Policy.Attempts == 0 || n.Policy.Deadline == 0 || n.Due.IsZero()) {
			t.Errorf("%s with %+v: the policy was not completed: %+v", n.Kind, test.n.Policy, n.Policy)
		}
	}
}

// TestZeroFieldsOfAPolicyAreThoseOfTheKind, field by field; the others are the client's.
func TestZeroFieldsOfAPolicyAreThoseOfTheKind(t *testing.T) {
	own := Policy{Attempts: 7, Deadline: 3 * time.Second, Backoff: 30 * time.Millisecond, Cap: 2 * time.Second, Every: time.Hour}
	for kind, of := range Kinds {
		for _, test := range []struct{ sent, want Policy }{
			{Policy{}, of},
			{Policy{Attempts: own.Attempts}, Policy{own.Attempts, of.Deadline, of.Backoff, of.Cap, of.Every}},
			{Policy{Deadline: own.Deadline}, Policy{of.Attempts, own.Deadline, of.Backoff, of.Cap, of.Every}},
			{Policy{Backoff: own.Backoff}, Policy{of.Attempts, of.Deadline, own.Backoff, of.Cap, of.Every}},
			{Policy{Cap: own.Cap}, Policy{of.Attempts, of.Deadline, of.Backoff, own.Cap, of.Every}},
			{Policy{Every: own.Every}, Policy{of.Attempts, of.Deadline, of.Backoff, of.Cap, own.Every}},
			{own, own},
		} {
			n, err := NewJob{Kind: kind, Payload: []byte(` { "a" : 1 } `), Policy: test.sent}.check(time.Now())
			if err != nil || n.Policy != test.want {
				t.Errorf("%s with the policy %+v: got %+v, %v; want %+v", kind, test.sent, n.Policy, err, test.want)
			}
			if string(n.Payload) != `{"a":1}` {
				t.Errorf("%s: the payload is %q, want it compacted", kind, n.Payload)
			}
		}
	}
}

// TestLongErrorIsCutAndItsHeadKept between two characters.
func TestLongErrorIsCutAndItsHeadKept(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want string
	}{{"", 3, ""}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aé…", 3, "aé"}, {"aé…", 2, "a"}, {"aé…", 5, "aé"}, {"a\xffb", 9, "ab"}} {
		if got := cut(test.text, test.n); got != test.want {
			t.Errorf("%q cut to %d bytes: got %q, want %q", test.text, test.n, got, test.want)
		}
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
