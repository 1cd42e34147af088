package main

import (
	"cmp"
	"container/heap"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Queue knows all jobs and what may happen to them next. It does no I/O,
// looks at no clock and takes no lock: its owner, the broker, tells it the time
// and calls one method at a time. Each method changes one job and returns it,
// to be written down.
type Queue struct {
	Backlog int           // how many jobs may be under way or waiting at once
	Lease   time.Duration // for how long a job is given to a worker
	Keep    int           // how many ended jobs are remembered (dead ones all are)

	jobs   map[string]*Job
	keys   map[string]*Job // by idempotency key
	parked []parked        // in the order of their numbers; a job of the map may still have its place here
	live   int             // not ended
	last   uint64          // number given

	// Every job is in one of these, so that a look at the queue need not look at all jobs.
	waiting, scheduled, retrying, running, dead, over list

	// These may have entries that are no longer true: they are dropped when they come up.
	ready  []*Job  // due, first come first served; from next on
	next   int     // those before are gone
	later  entries // not due yet, by when they will be
	leases entries // by when they expire
	ended  []*Job  // oldest first, to be forgotten
}

// A list counts the jobs that have the same state, and knows which they are if there can't be too many.
type list struct {
	count int
	jobs  map[string]*Job
}

// move takes a job from the list it is in to another one, or to none.
func (j *Job) move(to *list) {
	if from := j.list; from != nil {
		from.count--
		delete(from.jobs, j.ID)
	}
	if j.list = to; to != nil {
		to.count++
		if to.jobs != nil {
			to.jobs[j.ID] = j
		}
	}
}

// An entry is a job's place in a heap at the time it was put there.
type entry struct {
	at  time.Time
	job *Job
}

type entries []entry

func (e entries) Len() int { return len(e) }
func (e entries) Less(i, j int) bool {
	return cmp.Or(e[i].at.Compare(e[j].at), cmp.Compare(e[i].job.number, e[j].job.number)) < 0
}
func (e entries) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *entries) Push(x any)   { *e = append(*e, x.(entry)) }
func (e *entries) Pop() any {
	last := (*e)[len(*e)-1]
	(*e)[len(*e)-1] = entry{} // or the job could never be collected
	*e = (*e)[:len(*e)-1]
	return last
}

// NewQueue returns an empty queue.
func NewQueue(backlog int, lease time.Duration, keep int) *Queue {
	known := func() list { return list{jobs: make(map[string]*Job)} }
	return &Queue{
		Backlog: backlog, Lease: lease, Keep: keep, jobs: make(map[string]*Job), keys: make(map[string]*Job),
		retrying: known(), running: known(), dead: known(),
	}
}

// Restore puts a job in as the journal has it; a later one replaces an earlier
// one. A running job gets a whole lease more: its worker may be alive, and gets
// time to renew.
func (q *Queue) Restore(j *Job, now time.Time) {
	if old := q.Get(j.ID); old != nil {
		q.forget(old)
	}
	q.last = max(q.last, j.number)
	if j.State == Running {
		j.Expires = now.Add(q.Lease)
	}
	q.put(j, now)
}

// Full reports whether there is no room for one more, beside so many that are not yet in the queue.
func (q *Queue) Full(beside int) bool { return q.live+beside >= q.Backlog }

// Len returns how many jobs the queue knows.
func (q *Queue) Len() int { return q.live + q.dead.count + q.over.count }

// Name gives a new job its number, and an id that cannot be guessed.
func (q *Queue) Name(j *Job) {
	q.last++
	j.number = q.last
	j.ID = fmt.Sprintf("%d-%s", j.number, rand.Text())
}

// Add puts a new job in.
func (q *Queue) Add(j Job, now time.Time) *Job {
	j.State = Queued
	q.put(&j, now)
	return &j
}

func (q *Queue) put(j *Job, now time.Time) {
	q.jobs[j.ID] = j
	if j.Key != "" {
		q.keys[j.Key] = j
	}
	if !j.State.Ended() {
		q.live++
	}
	q.place(j, now)
}

// place puts a job where its state belongs.
func (q *Queue) place(j *Job, now time.Time) {
	switch {
	case j.State == Queued && j.Due.After(now):
		if j.move(&q.scheduled); j.Attempts > 0 {
			j.move(&q.retrying)
		}
		heap.Push(&q.later, entry{j.Due, j})
	case j.State == Queued: // no heap for these: most jobs are due at once, and a million may wait
		j.move(&q.waiting)
		q.ready = append(q.ready, j)
	case j.State == Running:
		j.move(&q.running)
		heap.Push(&q.leases, entry{j.Expires, j})
	case j.State == Dead:
		j.move(&q.dead)
	default:
		j.move(&q.over)
		q.ended = append(q.ended, j)
		for len(q.ended) > q.Keep {
			if q.jobs[q.ended[0].ID] == q.ended[0] {
				q.forget(q.ended[0])
			}
			q.ended[0] = nil
			q.ended = q.ended[1:]
		}
	}
}

func (q *Queue) forget(j *Job) {
	j.move(nil)
	delete(q.jobs, j.ID)
	if q.keys[j.Key] == j {
		delete(q.keys, j.Key)
	}
	if !j.State.Ended() {
		q.live--
	}
}

// Get returns a job, and ByKey the one with that idempotency key.
func (q *Queue) Get(id string) *Job {
	if j := q.jobs[id]; j != nil {
		return j
	}
	digits, _, _ := strings.Cut(id, "-")
	number, _ := strconv.ParseUint(digits, 10, 64)
	i, found := slices.BinarySearchFunc(q.parked, number, func(p parked, n uint64) int { return cmp.Compare(p.number(), n) })
	if found && q.parked[i].job == nil {
		q.unpark(&q.parked[i])
	}
	return q.jobs[id]
}

func (q *Queue) ByKey(key string) *Job { return q.keys[key] }

// First returns the job that is due and has waited longest, or nil if there is none.
func (q *Queue) First(now time.Time) *Job {
	for len(q.later) > 0 && !q.later[0].at.After(now) {
		if j := heap.Pop(&q.later).(entry).job; j.list == &q.scheduled || j.list == &q.retrying { // not cancelled since, say
			q.place(j, now)
		}
	}
	for q.next < len(q.ready) && q.ready[q.next].list != &q.waiting {
		q.ready[q.next] = nil
		q.next++
	}
	var ready *Job
	if q.next < len(q.ready) {
		ready = q.ready[q.next]
	} else {
		q.ready, q.next = q.ready[:0], 0
	}
	for len(q.parked) > 0 && (ready == nil || q.parked[0].since() <= ready.Due.UnixNano()) {
		if j := q.unpark(&q.parked[0]); j.list == &q.waiting {
			return j
		}
		q.dropParked()
	}
	return ready
}

// Next gives the first job to a worker, under a token that was never used before.
// It returns nil if there is none.
func (q *Queue) Next(worker, token string, now time.Time) *Job {
	j := q.First(now)
	if j == nil {
		return nil
	}
	if len(q.parked) > 0 && q.parked[0].job == j {
		q.dropParked()
	} else {
		q.ready[q.next] = nil
		q.next++
	}
	if q.next > 1000 && q.next > len(q.ready)/2 { // give the room of those that are gone back
		q.ready, q.next = append([]*Job(nil), q.ready[q.next:]...), 0
	}
	j.State, j.Worker, j.Token, j.Expires = Running, worker, token, now.Add(q.Lease)
	j.Attempts++
	j.Progress = Progress{}
	q.place(j, now)
	return j
}

// leased returns the job if token is the one of its lease: an answer that comes
// from a worker that was given up must change nothing (fencing).
func (q *Queue) leased(id, token string) (*Job, error) {
	j := q.jobs[id]
	if j == nil {
		return nil, ErrNotFound
	}
	if j.State != Running || j.Token != token {
		return nil, ErrFenced
	}
	return j, nil
}

// Renew makes a lease begin anew and notes the progress.
func (q *Queue) Renew(id, token string, p Progress, now time.Time) (*Job, error) {
	j, err := q.leased(id, token)
	if err != nil {
		return nil, err
	}
	j.Expires = now.Add(q.Lease) // its entry in leases is too early now, and is put right when it comes up
	j.Progress = p
	return j, nil
}

// Done ends a job. If that has been said before under the same token it is no
// error: the answer may have been lost on its way.
func (q *Queue) Done(id, token string, p Progress, now time.Time) (*Job, error) {
	if j := q.jobs[id]; j != nil && j.State == Done && j.Token == token {
		return j, nil
	}
	j, err := q.leased(id, token)
	if err != nil {
		return nil, err
	}
	j.Progress, j.Error = p, ""
	q.end(j, Done, now)
	return j, nil
}

// Fail notes that an attempt failed. The job is tried again later, or is dead.
func (q *Queue) Fail(id, token, why string, now time.Time) (*Job, error) {
	j, err := q.leased(id, token)
	if err != nil {
		return nil, err
	}
	q.failed(j, why, now)
	return j, nil
}

func (q *Queue) failed(j *Job, why string, now time.Time) {
	j.Error = why
	if j.Attempts >= j.Policy.Attempts {
		q.end(j, Dead, now)
		return
	}
	q.wait(j, now.Add(j.Policy.Retry(j.Attempts)), now)
}

// Release hands a job back that was not begun or not finished: the attempt does not count.
func (q *Queue) Release(id, token string, now time.Time) (*Job, error) {
	j, err := q.leased(id, token)
	if err != nil {
		return nil, err
	}
	j.Attempts--
	q.wait(j, now, now)
	return j, nil
}

// Abandon releases the job with that token, which its worker may never have heard of.
func (q *Queue) Abandon(token string, now time.Time) (*Job, error) {
	for _, e := range q.leases {
		if e.job.State == Running && e.job.Token == token {
			return q.Release(e.job.ID, token, now)
		}
	}
	return nil, ErrNotFound
}

// Cancel ends a job that has not ended. If it is running, its worker hears of it
// with its next heartbeat: the lease is no more.
func (q *Queue) Cancel(id string, now time.Time) (*Job, error) {
	j := q.Get(id)
	if j == nil {
		return nil, ErrNotFound
	}
	if j.State.Ended() {
		return nil, ErrState
	}
	j.Token = ""
	q.end(j, Cancelled, now)
	return j, nil
}

// Requeue gives a dead job all its attempts again.
func (q *Queue) Requeue(id string, now time.Time) (*Job, error) {
	j := q.jobs[id]
	if j == nil {
		return nil, ErrNotFound
	}
	if j.State != Dead {
		return nil, ErrState
	}
	q.live++
	j.Attempts, j.Ended = 0, time.Time{}
	q.wait(j, now, now)
	return j, nil
}

// Expired takes one job away from a worker that has not been heard of for a
// whole lease. It returns nil if there is none.
func (q *Queue) Expired(now time.Time) *Job {
	for len(q.leases) > 0 && !q.leases[0].at.After(now) {
		j := heap.Pop(&q.leases).(entry).job
		switch {
		case j.list != &q.running:
		case j.Expires.After(now):
			q.place(j, now) // renewed since
		default:
			q.failed(j, "worker "+j.Worker+" was not heard of any more", now)
			return j
		}
	}
	return nil
}

// Soonest returns when the next job becomes due or the next lease may expire; never is zero.
func (q *Queue) Soonest() (at time.Time) {
	for _, h := range []entries{q.later, q.leases} {
		if len(h) > 0 && (at.IsZero() || h[0].at.Before(at)) {
			at = h[0].at
		}
	}
	return at
}

func (q *Queue) wait(j *Job, until, now time.Time) {
	j.State, j.Due = Queued, until
	j.Worker, j.Token, j.Expires = "", "", time.Time{}
	q.place(j, now)
}

func (q *Queue) end(j *Job, s State, now time.Time) {
	q.live--
	j.State, j.Ended, j.Expires = s, now, time.Time{}
	q.place(j, now)
}

// All returns the jobs in the order in which they came; of those that are parked only the first n.
func (q *Queue) All(n int) []*Job {
	for i := range q.parked[:min(n, len(q.parked))] {
		q.unpark(&q.parked[i])
	}
	all := make([]*Job, 0, len(q.jobs))
	for _, j := range q.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, byNumber)
	return all
}

func byNumber(a, b *Job) int { return cmp.Compare(a.number, b.number) }

// View returns a copy of the job as it is shown: one whose time has not come is scheduled.
func (j *Job) View(now time.Time) Job {
	v := *j
	if v.State == Queued && v.Due.After(now) {
		v.State = Scheduled
	}
	return v
}
