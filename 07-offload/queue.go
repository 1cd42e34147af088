package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Queue knows all jobs, and what may happen to each next. It does no I/O, takes
// no lock and has no clock. Its caller, the broker, makes one call at a time, passes
// the time, and stores the jobs that have changed.
type Queue struct {
	Backlog int                                 // how many jobs may wait or run when one is added; a requeue is not refused
	Lease   time.Duration                       // of a worker, without a heartbeat
	Keep    int                                 // how many ended jobs are kept in each state: the latest, by the caller's clock
	Random  func() string                       // for IDs and tokens
	Retry   func(p Policy, n int) time.Duration // how long to wait after n attempts

	jobs     map[uint64]*Job   // by number
	keys     map[string]*Job   // by idempotency key
	last     uint64            // the number of the latest job
	finished int64             // jobs since the start
	groups   map[group]*byTime // each job is in one, a heap with the earliest job first
}

// A group names the jobs in one state. Queued jobs have a group for each kind: a
// worker may not have the handlers of all kinds.
type group struct {
	state State  // as shown returns it
	kind  string // of queued jobs, otherwise empty
}

func NewQueue(lease time.Duration, random func() string) *Queue {
	return &Queue{Backlog: 1_000_000, Lease: lease, Keep: 10_000, Random: random, Retry: Policy.Retry,
		jobs: make(map[uint64]*Job), keys: make(map[string]*Job), groups: make(map[group]*byTime)}
}

// Restore adds a job from the journal; it replaces what was restored of the same job
// before. A running job gets a whole new lease: its worker may be alive.
func (q *Queue) Restore(j *Job, now time.Time) {
	if j.number > q.last {
		q.last = j.number
	} else if old := q.jobs[j.number]; old != nil {
		q.forget(old)
	}
	if j.State == Running {
		j.Expires = now.Add(q.Lease)
	}
	q.know(j, now)
}

// Add returns the known job that has the same key, or else a new job.
func (q *Queue) Add(n NewJob, now time.Time) (*Job, error) {
	known := q.keys[n.Key]
	switch {
	case known != nil && (known.Kind != n.Kind || !bytes.Equal(known.Payload, n.Payload)):
		return nil, invalid("the key was used for another job")
	case known != nil:
		return known, nil
	case len(q.jobs)-q.count(Done)-q.count(Dead)-q.count(Canceled) >= q.Backlog:
		return nil, ErrBacklogFull
	}
	return q.create(n, now), nil
}

func (q *Queue) create(n NewJob, now time.Time) *Job {
	q.last++
	j := &Job{Kind: n.Kind, Payload: n.Payload, Key: n.Key, Policy: n.Policy, State: Queued, Created: now, Due: n.Due,
		number: q.last, planned: n.Due}
	j.ID = fmt.Sprintf("%d-%s", j.number, q.Random())
	q.know(j, now)
	return j
}

func (q *Queue) know(j *Job, now time.Time) {
	q.jobs[j.number] = j
	if j.Key != "" {
		q.keys[j.Key] = j
	}
	q.place(j, now)
}

func (q *Queue) forget(j *Job) {
	j.move(nil)
	delete(q.jobs, j.number)
	if q.keys[j.Key] == j {
		delete(q.keys, j.Key)
	}
}

// place moves a job to the group of its state.
func (q *Queue) place(j *Job, now time.Time) {
	g := group{state: j.shown(now)}
	if g.state == Queued {
		g.kind = j.Kind
	}
	h := q.groups[g]
	if h == nil {
		h = new(byTime)
		q.groups[g] = h
	}
	j.move(h)
	if g.state.Ended() && h.Len() > q.Keep {
		q.forget(h.jobs[0])
	}
}

// head returns the earliest job of a group, or nil.
func (q *Queue) head(s State, kind string) *Job {
	if h := q.groups[group{s, kind}]; h != nil && h.Len() > 0 {
		return h.jobs[0]
	}
	return nil
}

func (q *Queue) count(s State) (n int) {
	for g, h := range q.groups {
		if g.state == s {
			n += h.Len()
		}
	}
	return n
}

// Get returns the job with that ID, or ErrNotFound.
func (q *Queue) Get(id string) (*Job, error) {
	digits, _, _ := strings.Cut(id, "-") // the ID begins with the number
	number, _ := strconv.ParseUint(digits, 10, 64)
	if j := q.jobs[number]; j != nil && j.ID == id {
		return j, nil
	}
	return nil, ErrNotFound
}

// List returns up to n jobs in that state, or in any if it is "", in the order in which
// they came. If there are more, it does not look at all of them: it is unspecified which.
func (q *Queue) List(state State, n int) (jobs []*Job) {
	for g, h := range q.groups {
		if state == "" || state == g.state {
			jobs = append(jobs, h.jobs[:min(n-len(jobs), h.Len())]...)
		}
	}
	slices.SortFunc(jobs, func(a, b *Job) int { return cmp.Compare(a.number, b.number) })
	return jobs
}

func (q *Queue) promote(now time.Time) {
	for j := q.head(Scheduled, ""); j != nil && !j.Due.After(now); j = q.head(Scheduled, "") {
		q.place(j, now)
	}
}

// Next gives a worker the job of one of these kinds that has been due the longest,
// under a lease with a new token. If no job is due it returns nil.
func (q *Queue) Next(worker string, kinds []string, now time.Time) (j *Job) {
	q.promote(now)
	for _, kind := range kinds {
		if first := q.head(Queued, kind); first != nil && (j == nil || first.before(j)) {
			j = first
		}
	}
	if j == nil {
		return nil
	}
	j.State, j.Worker, j.Token, j.Expires = Running, worker, q.Random(), now.Add(q.Lease)
	j.Attempts++
	j.Progress = Progress{}
	q.place(j, now)
	return j
}

// Update makes the change that the worker of a running job reports. If the worker's
// lease has ended, nothing may change, because another worker may have the job: the
// token of the lease tells them apart (fencing).
func (q *Queue) Update(id string, u Update, now time.Time) ([]*Job, error) {
	j, err := q.Get(id)
	if err != nil {
		return nil, err
	}
	if j.State == Done && u.Event == Finished && u.Token == j.Token {
		return []*Job{j}, nil // once more: the answer was lost
	}
	if j.State != Running || j.Token != u.Token {
		return nil, ErrFenced
	}
	if u.Progress.Done < 0 || u.Progress.Done > u.Progress.Total {
		return nil, invalid("progress must be from 0 to its total")
	}
	switch u.Event {
	case Heartbeat:
		j.Progress, j.Expires = u.Progress, now.Add(q.Lease)
		q.place(j, now)
		return []*Job{j}, nil
	case Finished:
		j.Progress, j.Error = u.Progress, ""
		q.finished++
		return q.end(j, Done, now), nil
	case Failed:
		return q.fail(j, u.Error, u.Permanent, now), nil
	case Released:
		j.Attempts--
		return q.wait(j, now, now), nil
	}
	return nil, invalid("there is no event %q", u.Event)
}

// fail ends an attempt. The job is retried later, or is a dead letter.
func (q *Queue) fail(j *Job, reason string, permanent bool, now time.Time) []*Job {
	j.Error = cut(reason, errorMax)
	if permanent || j.Attempts >= j.Policy.Attempts {
		return q.end(j, Dead, now)
	}
	return q.wait(j, now.Add(q.Retry(j.Policy, j.Attempts)), now)
}

// Cancel cancels a job that has not ended, or a dead letter. If the job is running,
// its lease ends: its worker's next heartbeat is rejected.
func (q *Queue) Cancel(id string, now time.Time) ([]*Job, error) {
	j, err := q.Get(id)
	if err != nil {
		return nil, err
	}
	if j.State == Done || j.State == Canceled {
		return nil, ErrState
	}
	return q.end(j, Canceled, now), nil
}

// Requeue gives a dead letter all its attempts again.
func (q *Queue) Requeue(id string, now time.Time) ([]*Job, error) {
	j, err := q.Get(id)
	if err != nil {
		return nil, err
	}
	if j.State != Dead {
		return nil, ErrState
	}
	j.Attempts, j.Ended = 0, time.Time{}
	return q.wait(j, now, now), nil
}

// Expire ends the attempts of workers that have sent no heartbeat for a whole lease. It returns
// a few hundred jobs at most: if there are some, there may be more.
func (q *Queue) Expire(now time.Time) (changed []*Job) {
	for len(changed) < 500 {
		j := q.head(Running, "")
		if j == nil || j.Expires.After(now) {
			break
		}
		changed = append(changed, q.fail(j, fmt.Sprintf("worker %s sent no heartbeat for a whole lease", j.Worker), false, now)...)
	}
	return changed
}

func (q *Queue) wait(j *Job, until, now time.Time) []*Job {
	j.State, j.Due = Queued, until
	j.Worker, j.Token, j.Expires = "", "", time.Time{}
	q.place(j, now)
	return []*Job{j}
}

// end ends a job. If it recurs and was not canceled, end also creates the next one.
// It skips times that have passed.
func (q *Queue) end(j *Job, s State, now time.Time) []*Job {
	changed := []*Job{j}
	if every := j.Policy.Every; every > 0 && s != Canceled {
		passed := max(0, now.Sub(j.planned)/every)
		n := NewJob{Kind: j.Kind, Payload: j.Payload, Policy: j.Policy, Due: j.planned.Add((passed + 1) * every)}
		changed = append(changed, q.create(n, now))
		j.Policy.Every = 0 // the next one continues the series: this one, requeued, must not start another
	}
	j.State, j.Ended, j.Expires = s, now, time.Time{}
	q.place(j, now)
	return changed
}
