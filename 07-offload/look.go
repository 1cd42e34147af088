package main

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// List returns up to n jobs in that state, or in any if it is "", in the order in
// which they came. If there are more, it is unspecified which n are returned, so that
// List need not look at all of them.
func (q *Queue) List(state State, n int) (jobs []*Job) {
	for g, h := range q.groups {
		if state == "" || state == g.state {
			jobs = append(jobs, h.jobs[:min(n-len(jobs), h.Len())]...)
		}
	}
	slices.SortFunc(jobs, func(a, b *Job) int { return cmp.Compare(a.number, b.number) })
	return jobs
}

// Get returns a job.
func (b *Broker) Get(_ context.Context, id string) (view Job, err error) {
	b.locked(func(now time.Time) {
		var j *Job
		if j, err = b.queue.Get(id); err == nil {
			view = j.View(now)
		}
	})
	return view, err
}

// List returns copies of what the queue's List returns.
func (b *Broker) List(_ context.Context, state State, n int) (views []Job, err error) {
	b.locked(func(now time.Time) {
		b.queue.promote(now)
		views = viewsOf(b.queue.List(state, n), now)
	})
	return views, nil
}

func viewsOf(jobs []*Job, now time.Time) []Job {
	views := make([]Job, len(jobs))
	for i, j := range jobs {
		views[i] = j.View(now)
	}
	return views
}

// An Overview has numbers of jobs, and some of the jobs, without their payloads.
type Overview struct {
	Waiting   int     `json:"waiting"`   // due, without a worker
	Oldest    float64 `json:"oldest"`    // seconds since the first of them was due
	Scheduled int     `json:"scheduled"` // due later, retries included
	Running   int     `json:"running"`
	Dead      int     `json:"dead"`
	Done      int64   `json:"done"` // since the broker's start

	SomeRunning  []Job `json:"some_running"` // of each up to 50
	SomeRetrying []Job `json:"some_retrying"`
	SomeDead     []Job `json:"some_dead"`
}

// Overview returns an overview.
func (b *Broker) Overview(context.Context) (o Overview, err error) {
	b.locked(func(now time.Time) {
		q := b.queue
		q.promote(now)
		for g := range q.groups {
			if j := q.head(Queued, g.kind); j != nil {
				o.Oldest = max(o.Oldest, now.Sub(j.Due).Seconds())
			}
		}
		o.Waiting, o.Scheduled, o.Running, o.Dead, o.Done = q.count(Queued), q.count(Scheduled), q.count(Running), q.count(Dead), q.finished
		short := func(jobs []*Job) []Job {
			views := viewsOf(jobs[:min(50, len(jobs))], now)
			for i := range views {
				views[i].Token, views[i].Payload, views[i].Error = "", nil, cut(views[i].Error, 500)
			}
			return views
		}
		first := func(j *Job) bool { return j.Attempts == 0 }
		o.SomeRunning, o.SomeDead = short(q.List(Running, 50)), short(q.List(Dead, 50))
		o.SomeRetrying = short(slices.DeleteFunc(q.List(Scheduled, 1000), first)) // there may be a million for later
	})
	return o, nil
}
