package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"
	"unicode/utf8"
)

// A Broker stores jobs on disk and gives them to workers. Goroutines may call its
// methods concurrently. A method that changes a job returns when the change is on
// disk, but a heartbeat is only in memory. After ErrUnavailable the caller should
// retry: the change may have been made, and a crash may lose it.
type Broker struct {
	log     *slog.Logger
	journal *Journal
	release func() // unlocks the directory, see os_unix.go

	mu      sync.Mutex
	queue   *Queue        // guarded by mu
	changed chan struct{} // guarded by mu; wake closes it

	compactAt int64 // size of the journal; used by maintain only
	stop      context.CancelFunc
	done      sync.WaitGroup
}

// reading is held while the garbage collector is off: a second broker would find it off, and leave it off.
var reading sync.Mutex

// OpenBroker reads the journal in dir. It fails if another broker uses the directory.
// A worker that sends no heartbeat for the time of a lease loses its job.
func OpenBroker(dir string, lease time.Duration, log *slog.Logger) (b *Broker, err error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	release, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	b = newBroker(lease, log)
	b.release = release
	reading.Lock()
	collect := debug.SetGCPercent(-1) // the heap grows to what is needed: the collector would mark it many times, and free little
	journal, cut, err := OpenJournal(filepath.Join(dir, "journal"), b.restore)
	debug.SetGCPercent(collect)
	reading.Unlock()
	if err != nil {
		release()
		return nil, err
	}
	if cut > 0 {
		log.Warn("the end of the journal was not confirmed and is cut off", "bytes", cut)
	}
	log.Info("journal read", "bytes", journal.size.Load(), "jobs", len(b.queue.jobs))
	b.start(journal)
	return b, nil
}

func newBroker(lease time.Duration, log *slog.Logger) *Broker {
	return &Broker{log: log, queue: NewQueue(lease, rand.Text), changed: make(chan struct{}), compactAt: 1 << 20}
}

func (b *Broker) restore(content []byte) error {
	now := time.Now()
	return decodeChange(content, func(j *Job) { b.queue.Restore(j, now) })
}

func (b *Broker) start(journal *Journal) {
	b.journal = journal
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.done.Go(func() { b.expire(ctx) })
	b.done.Go(func() { b.maintain(ctx) })
}

// Close ends the broker. No method may be called afterwards.
func (b *Broker) Close() {
	b.stop()
	b.done.Wait()
	b.journal.Close()
	b.release()
}

// locked calls f with mu held. f must be quick: it does not log or block.
// A panic in f ends the process: the jobs are in an unknown state.
func (b *Broker) locked(f func(now time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer endProcess("while the broker's lock is held")
	f(time.Now())
}

// wake, called with mu held, wakes the goroutines that wait for a change of a job's state.
func (b *Broker) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// change calls f, which changes jobs in the queue and returns them. When they are on
// disk, change returns the first.
func (b *Broker) change(what string, f func(now time.Time) ([]*Job, error)) (first Job, err error) {
	var record change // one record, so that all jobs are on disk, or none
	var wait func() error
	b.locked(func(now time.Time) {
		if b.journal.failed.Load() { // until all that is in memory is on disk, nothing may be added to it
			err = ErrUnavailable
			return
		}
		var jobs []*Job
		if jobs, err = f(now); len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			record = append(record, *j)
		}
		wait = b.journal.Append(record.encode()) // with mu held: the records are in the order of the changes
		first = jobs[0].View(now)
		b.wake()
	})
	if err != nil || len(record) == 0 {
		return Job{}, err
	}
	if err := wait(); err != nil {
		b.log.Error("not stored", "error", err)
		return Job{}, ErrUnavailable
	}
	for _, j := range record {
		b.log.Info(what, "job", j.ID, "attempt", j.Attempts, "state", j.shown(time.Now()), "error", j.Error)
	}
	return first, nil
}

// A Result is the job that was enqueued, without its payload and its policy, or why it was not.
type Result struct {
	Job Job
	Err error
}

// EnqueueAll stores jobs, all with one sync. Each has its own result. The same key
// means the same job, as long as that one is known. A client that retries should use
// a key: after ErrUnavailable the job may exist. No worker gets a job that is not on
// disk: the lease is stored after the job.
func (b *Broker) EnqueueAll(list []NewJob) []Result {
	results := make([]Result, len(list))
	for i := range list {
		list[i], results[i].Err = list[i].check(time.Now())
	}
	_, failed := b.change("enqueued", func(now time.Time) (jobs []*Job, err error) {
		for i, n := range list {
			if results[i].Err != nil {
				continue
			}
			j, err := b.queue.Add(n, now)
			if results[i].Err = err; err == nil {
				results[i].Job, jobs = j.View(now), append(jobs, j)
				results[i].Job.Payload, results[i].Job.Policy = nil, Policy{} // its caller has them
			}
		}
		return jobs, nil
	})
	for i, r := range results {
		if err := cmp.Or(r.Err, failed); err != nil {
			results[i] = Result{Err: err}
		}
	}
	return results
}

// Lease gives the caller the job of one of these kinds that has been due the
// longest, for the time of a lease. If there is none it blocks until there is, or
// until ctx is done. If the answer is lost, the lease expires and the job is
// redelivered.
func (b *Broker) Lease(ctx context.Context, worker string, kinds []string) (Job, error) {
	if len(worker) > nameMax || !utf8.ValidString(worker) || len(kinds) > nameMax {
		return Job{}, invalid("a worker has a name of up to %d bytes, and up to %d kinds", nameMax, nameMax)
	}
	for {
		var changed <-chan struct{} // closed when a job is new or changes its state
		var due <-chan time.Time    // when the next scheduled job is due
		var leased Job
		_, err := b.change("leased", func(now time.Time) ([]*Job, error) {
			if j := b.queue.Next(worker, kinds, now); j != nil {
				j.Expires = now.Add(day) // or it could expire while it is being stored, and no worker has the job yet
				b.queue.place(j, now)
				leased = *j
				return []*Job{j}, nil
			}
			changed = b.changed
			if j := b.queue.head(Scheduled, ""); j != nil {
				due = time.After(max(j.Due.Sub(now), time.Millisecond))
			}
			return nil, nil
		})
		if leased.ID != "" { // stored or not, the lease is a whole one from now
			j, canceled := b.renew(leased.ID, Update{Token: leased.Token, Event: Heartbeat})
			if err == nil && canceled == nil {
				return j, nil
			}
			if err == nil {
				continue // the job was canceled meanwhile
			}
		}
		if err != nil {
			return Job{}, err
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return Job{}, context.Cause(ctx)
		}
	}
}

// Update reports what has happened to a job that is leased under u.Token. A heartbeat
// is not stored: a restart of the broker renews all leases. ErrFenced or ErrNotFound
// mean that the worker has lost the job and must stop. If the answer is lost, the
// worker may repeat the update.
func (b *Broker) Update(_ context.Context, id string, u Update) error {
	if u.Event == Heartbeat {
		_, err := b.renew(id, u)
		return err
	}
	_, err := b.change(string(u.Event), func(now time.Time) ([]*Job, error) { return b.queue.Update(id, u, now) })
	return err
}

func (b *Broker) renew(id string, heartbeat Update) (view Job, err error) {
	b.locked(func(now time.Time) {
		var jobs []*Job
		if jobs, err = b.queue.Update(id, heartbeat, now); err == nil {
			view = jobs[0].View(now)
		}
	})
	return view, err
}

// Cancel is Queue.Cancel, stored.
func (b *Broker) Cancel(_ context.Context, id string) (Job, error) {
	return b.change("canceled", func(now time.Time) ([]*Job, error) { return b.queue.Cancel(id, now) })
}

// Requeue is Queue.Requeue, stored.
func (b *Broker) Requeue(_ context.Context, id string) (Job, error) {
	return b.change("requeued", func(now time.Time) ([]*Job, error) { return b.queue.Requeue(id, now) })
}

// expire ends the attempts of workers that send no heartbeats.
func (b *Broker) expire(ctx context.Context) {
	for sleep(ctx, max(b.queue.Lease/10, time.Millisecond)) {
		for more := true; more; {
			j, _ := b.change("lease expired", func(now time.Time) ([]*Job, error) { return b.queue.Expire(now), nil })
			more = j.ID != ""
		}
	}
}
