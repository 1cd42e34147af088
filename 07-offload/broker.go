package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A Broker keeps jobs on disk and gives them to workers. Its methods may be
// called by any number of goroutines at once. They return ErrUnavailable if the
// disk did not take the change; the caller should then try again.
type Broker struct {
	log     *slog.Logger
	journal *Journal
	release func() // the lock on the directory

	mu       sync.Mutex
	queue    *Queue                   // guarded by mu
	fresh    map[string]*Job          // guarded by mu; being written down for the first time
	keys     map[string]chan struct{} // guarded by mu; of those, closed when that has ended
	disowned map[string]time.Time     // guarded by mu; tokens that were abandoned before they had a job, and when
	unsaved  map[string]*Job          // guarded by mu; changed, and the disk has not taken it
	changed  chan struct{}            // guarded by mu; closed at the next change
	compact  int64                    // guarded by mu; bytes of the journal at which it is written anew
	records  int                      // guarded by mu; in the journal at the start
	finished int64                    // guarded by mu; jobs done since the start

	stop context.CancelFunc
	done sync.WaitGroup
}

// BrokerConfig has the broker's limits.
type BrokerConfig struct {
	Dir     string        // where the journal is
	Backlog int           // jobs waiting or running, at most
	Lease   time.Duration // after which a worker that is not heard of is given up
	Log     *slog.Logger
}

// OpenBroker reads the journal, and refuses a directory that another broker uses.
func OpenBroker(c BrokerConfig) (b *Broker, err error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	release, err := lock(filepath.Join(c.Dir, "lock"))
	if err != nil {
		return nil, err
	}
	b = newBroker(c)
	b.release = release
	journal, cut, err := OpenJournal(filepath.Join(c.Dir, "journal"), b.restore)
	if err != nil {
		release()
		return nil, err
	}
	if cut > 0 {
		c.Log.Warn("the last record was not whole and is cut off", "bytes", cut)
	}
	c.Log.Info("journal read", "bytes", journal.Size(), "jobs", b.queue.Len())
	b.begin(journal)
	return b, nil
}

func newBroker(c BrokerConfig) *Broker {
	return &Broker{
		log: c.Log, queue: NewQueue(c.Backlog, c.Lease, 1000), compact: 1 << 20,
		fresh: make(map[string]*Job), keys: make(map[string]chan struct{}), unsaved: make(map[string]*Job), disowned: make(map[string]time.Time), changed: make(chan struct{}),
	}
}

// restore takes a record of the journal.
func (b *Broker) restore(content []byte) error {
	b.records++
	if b.queue.Park(content) {
		return nil
	}
	j, err := decodeJob(content)
	if err == nil {
		b.queue.Restore(j, time.Now())
	}
	return err
}

// begin begins to work with what was restored.
func (b *Broker) begin(journal *Journal) {
	b.journal = journal
	if b.records < 2*b.queue.Len() { // hardly any history in it
		b.compact = max(b.compact, 3*journal.Size())
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.done.Go(func() { b.expire(ctx) })
}

// Close ends the broker. No method may be called afterwards.
func (b *Broker) Close() {
	b.stop()
	b.done.Wait()
	b.journal.Close()
	b.release()
}

// NewJob is what a client asks for.
type NewJob struct {
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload"`
	Key     string          `json:"key,omitempty"`   // the same key, the same job
	Due     time.Time       `json:"due,omitzero"`    // not before; zero means now
	Policy  Policy          `json:"policy,omitzero"` // zero means that of the kind
}

// Enqueue writes a job down, and returns it when it is on the disk.
func (b *Broker) Enqueue(ctx context.Context, n NewJob) (Job, error) {
	policy, ok := Kinds[n.Kind]
	if !ok {
		return Job{}, fmt.Errorf("%w: no such kind of job: %q", ErrBadJob, n.Kind)
	}
	if n.Policy != (Policy{}) {
		policy = n.Policy
	}
	if !json.Valid(n.Payload) {
		return Job{}, fmt.Errorf("%w: the payload is not JSON", ErrBadJob)
	}
	b.mu.Lock()
	for n.Key != "" {
		if j := b.queue.ByKey(n.Key); j != nil {
			defer b.mu.Unlock()
			return j.View(time.Now()), nil
		}
		first, ok := b.keys[n.Key]
		if !ok {
			break
		}
		b.mu.Unlock() // somebody else is at it: look again when it is there, or not
		select {
		case <-first:
		case <-ctx.Done():
			return Job{}, context.Cause(ctx)
		}
		b.mu.Lock()
	}
	if b.queue.Full(len(b.fresh)) {
		b.mu.Unlock()
		return Job{}, ErrBacklogFull
	}
	now := time.Now()
	j := Job{Kind: n.Kind, Payload: n.Payload, Key: n.Key, Policy: policy, State: Queued, Created: now, Due: n.Due}
	if j.Due.Before(now) {
		j.Due = now
	}
	if policy.Every > 0 {
		j.Planned = j.Due
	}
	b.queue.Name(&j)
	b.fresh[j.ID] = &j
	if n.Key != "" {
		b.keys[n.Key] = make(chan struct{})
	}
	wait := b.save(&j)
	b.mu.Unlock()
	err := wait() // only then may a client or worker see it

	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.fresh, j.ID)
	if n.Key != "" {
		close(b.keys[n.Key])
		delete(b.keys, n.Key)
	}
	if err != nil {
		return Job{}, err
	}
	added := b.queue.Add(j, now)
	b.notify()
	b.log.Info("queued", "job", j.ID, "kind", j.Kind)
	return added.View(now), nil
}

// save appends jobs to the journal, with mu held, so that the records of a job
// are in the order of its changes. The caller calls wait when it has let mu go:
// many wait for one sync.
func (b *Broker) save(jobs ...*Job) (wait func() error) {
	for id, j := range b.unsaved {
		jobs = append(jobs, j)
		delete(b.unsaved, id)
	}
	var records []byte
	for _, j := range jobs {
		records = record(records, encodeJob(j))
	}
	written := b.journal.Append(records)
	if b.journal.Size() > b.compact {
		b.rewrite()
	}
	return func() error {
		if err := written(); err != nil {
			b.log.Error("not written", "error", err)
			b.mu.Lock()
			defer b.mu.Unlock()
			for _, j := range jobs {
				if b.queue.Get(j.ID) == j {
					b.unsaved[j.ID] = j // its next change takes it along
				}
			}
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return nil
	}
}

// rewrite replaces the journal by the jobs there are, with mu held. So disk and
// start-up time follow them, not all that ever happened.
func (b *Broker) rewrite() {
	var records []byte
	for content := range b.queue.Records() {
		records = record(records, content)
	}
	for _, j := range b.fresh { // in the old journal already, and not yet in the queue
		records = record(records, encodeJob(j))
	}
	wait := b.journal.Rewrite(records)
	b.compact = max(1<<20, 3*int64(len(records)))
	b.done.Go(func() {
		if err := wait(); err != nil {
			b.log.Error("journal not compacted", "error", err)
		}
	})
}

// notify wakes all who wait for a change, with mu held.
func (b *Broker) notify() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// change makes a change to the job with that id and writes it down.
func (b *Broker) change(what string, id string, f func(q *Queue, now time.Time) (*Job, error)) (Job, error) {
	b.mu.Lock()
	now := time.Now()
	j, err := f(b.queue, now)
	if err != nil {
		b.mu.Unlock()
		return Job{}, err
	}
	wait := b.save(append(b.again(j, now), j)...)
	if j.State == Done && j.Ended.Equal(now) {
		b.finished++
	}
	b.notify()
	view := j.View(now)
	b.mu.Unlock()
	b.log.Info(what, "job", view.ID, "attempt", view.Attempts, "error", view.Error)
	return view, wait()
}

// again returns the next one of a job that comes at fixed intervals, if it has ended just now.
func (b *Broker) again(j *Job, now time.Time) []*Job {
	every := j.Policy.Every
	if every <= 0 || (j.State != Done && j.State != Dead) || !j.Ended.Equal(now) {
		return nil
	}
	missed := now.Sub(j.Planned) / every // while nobody was there to do them
	next := Job{Kind: j.Kind, Payload: j.Payload, Policy: j.Policy, Created: now, Planned: j.Planned.Add((missed + 1) * every)}
	next.Due = next.Planned
	j.Policy.Every = 0 // the next one carries it on: if this one is dead and sent again, it must not begin a second series
	b.queue.Name(&next)
	return []*Job{b.queue.Add(next, now)}
}

// Lease gives the caller the job that is due and has waited longest, for as long
// as a lease lasts. If there is none it waits for one, until ctx ends. The token
// is the caller's choice, and must never have been used before: so a caller that
// did not get the answer can still Abandon what it may have been given.
func (b *Broker) Lease(ctx context.Context, worker, token string) (Job, error) {
	for {
		b.mu.Lock()
		now := time.Now()
		if _, gone := b.disowned[token]; gone {
			b.mu.Unlock()
			return Job{}, ErrFenced
		}
		if j := b.queue.Next(worker, token, now); j != nil {
			// Nobody waits for this record: without it, after a crash of the machine, the
			// job would be given to another worker, as after the end of a lease.
			b.save(j)
			b.notify()
			view := j.View(now)
			b.mu.Unlock()
			return view, nil
		}
		changed, soonest := b.changed, b.queue.Soonest()
		b.mu.Unlock()

		var due <-chan time.Time
		if wait := time.Until(soonest); !soonest.IsZero() {
			due = time.After(max(wait, time.Millisecond))
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return Job{}, context.Cause(ctx)
		}
	}
}

// Heartbeat renews a lease and notes how far the job is. ErrFenced or
// ErrNotFound mean that the job is somebody else's now, or over: the worker must stop.
func (b *Broker) Heartbeat(_ context.Context, id, token string, p Progress) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.queue.Renew(id, token, p, time.Now())
	if err == nil {
		b.notify() // the progress
	}
	return err
}

// Finish says that a job is done.
func (b *Broker) Finish(_ context.Context, id, token string, p Progress) error {
	_, err := b.change("done", id, func(q *Queue, now time.Time) (*Job, error) { return q.Done(id, token, p, now) })
	return err
}

// Fail says that an attempt failed, and why.
func (b *Broker) Fail(_ context.Context, id, token, why string) error {
	_, err := b.change("failed", id, func(q *Queue, now time.Time) (*Job, error) { return q.Fail(id, token, why, now) })
	return err
}

// Release hands a job back. The attempt does not count.
func (b *Broker) Release(_ context.Context, id, token string) error {
	_, err := b.change("handed back", id, func(q *Queue, now time.Time) (*Job, error) { return q.Release(id, token, now) })
	return err
}

// Abandon hands back the job that was leased under that token, if there is one. If
// there is none, there will be none: the question may still be on its way here.
func (b *Broker) Abandon(_ context.Context, token string) error {
	b.mu.Lock()
	b.disowned[token] = time.Now()
	b.mu.Unlock()
	_, err := b.change("abandoned", "", func(q *Queue, now time.Time) (*Job, error) { return q.Abandon(token, now) })
	return err
}

// Cancel ends a job, running or not.
func (b *Broker) Cancel(_ context.Context, id string) (Job, error) {
	return b.change("cancelled", id, func(q *Queue, now time.Time) (*Job, error) { return q.Cancel(id, now) })
}

// Requeue gives a dead job all its attempts again.
func (b *Broker) Requeue(_ context.Context, id string) (Job, error) {
	return b.change("requeued", id, func(q *Queue, now time.Time) (*Job, error) { return q.Requeue(id, now) })
}

// Get returns a job.
func (b *Broker) Get(_ context.Context, id string) (Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j := b.queue.Get(id); j != nil {
		return j.View(time.Now()), nil
	}
	return Job{}, ErrNotFound
}

// List returns up to n jobs in that state, or in any if it is "", in the order in which they came.
func (b *Broker) List(_ context.Context, state State, n int) ([]Job, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	jobs := []Job{}
	var all []*Job
	if state != Dead {
		all = b.queue.All(n)
	} else { // a person may look for these while a million wait
		all = slices.SortedFunc(maps.Values(b.queue.dead.jobs), byNumber)
	}
	for _, j := range all {
		v := j.View(now)
		v.Token = ""
		if (state == "" || v.State == state) && len(jobs) < n {
			jobs = append(jobs, v)
		}
	}
	return jobs, nil
}

// An Overview is what there is to be seen at a glance: how many jobs there are of
// a kind, and some of those at which one may want to look.
type Overview struct {
	Waiting   int     `json:"waiting"`   // due, and no worker has them
	Oldest    float64 `json:"oldest"`    // seconds for which the first of them has waited
	Scheduled int     `json:"scheduled"` // not due yet, retries included
	Running   int     `json:"running"`
	Dead      int     `json:"dead"`
	Done      int64   `json:"done"` // since the broker's start

	SomeRunning  []Job `json:"some_running"`  // of each up to 50
	SomeRetrying []Job `json:"some_retrying"` // have failed, and come again
	SomeDead     []Job `json:"some_dead"`
}

// An overview lists so many jobs of a kind, the oldest of so many at which it looks.
const listed, lookedAt = 50, 1000

// Look returns an overview, and a channel that is closed when it is no longer true.
func (b *Broker) Look() (o Overview, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	q := b.queue
	if first := q.First(now); first != nil {
		o.Oldest = now.Sub(first.Due).Seconds()
	}
	o.Waiting, o.Scheduled, o.Running, o.Dead, o.Done = q.waiting.count, q.scheduled.count+q.retrying.count, q.running.count, q.dead.count, b.finished
	some := func(l list) []Job {
		var all []*Job
		for _, j := range l.jobs {
			if all = append(all, j); len(all) == lookedAt {
				break
			}
		}
		slices.SortFunc(all, byNumber)
		jobs := []Job{}
		for _, j := range all[:min(len(all), listed)] {
			v := j.View(now)
			v.Token = "" // it is its worker's alone
			jobs = append(jobs, v)
		}
		return jobs
	}
	o.SomeRunning, o.SomeRetrying, o.SomeDead = some(q.running), some(q.retrying), some(q.dead)
	return o, b.changed
}

// Changed returns a channel that is closed at the next change of any job.
func (b *Broker) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// expire takes jobs away from workers that are not heard of any more, until ctx ends.
func (b *Broker) expire(ctx context.Context) {
	tick := time.NewTicker(max(b.queue.Lease/10, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		now := time.Now()
		for j := b.queue.Expired(now); j != nil; j = b.queue.Expired(now) {
			b.log.Warn("lease expired", "job", j.ID, "error", j.Error)
			b.save(append(b.again(j, now), j)...) // if it is lost it expires again
			b.notify()
		}
		maps.DeleteFunc(b.disowned, func(_ string, since time.Time) bool { return now.Sub(since) > b.queue.Lease })
		b.mu.Unlock()
	}
}
