package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// A State says what happens to a job next.
type State string

const (
	Scheduled State = "scheduled" // its time has not come; no job is stored in this state, see shown
	Queued    State = "queued"    // waits for a worker
	Running   State = "running"   // a worker has a lease
	Done      State = "done"
	Dead      State = "dead"     // failed for the last time: a dead letter
	Canceled  State = "canceled" // by an operator or a client
)

// Ended reports whether a job stays in this state unless an operator acts.
func (s State) Ended() bool { return s == Done || s == Dead || s == Canceled }

// A Job is a task for a worker.
type Job struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Key     string          `json:"key,omitempty"` // the client's Idempotency-Key
	Policy  Policy          `json:"policy,omitzero"`

	State    State     `json:"state"`
	Attempts int       `json:"attempts"` // leases so far; one that was released does not count
	Error    string    `json:"error,omitempty"`
	Progress Progress  `json:"progress,omitzero"`
	Created  time.Time `json:"created"`
	Due      time.Time `json:"due"` // no attempt starts earlier
	Ended    time.Time `json:"ended,omitzero"`

	// The lease of a running job.
	Worker  string    `json:"worker,omitempty"`
	Token   string    `json:"-"`                // made by the broker for each lease: only its worker receives it
	Expires time.Time `json:"expires,omitzero"` // on the broker's clock; Client.Lease replaces it with a time on the worker's

	number  uint64    // decides ties in time; the ID begins with it
	planned time.Time // Due before any retry: the next job of a series is planned from it
	in      *byTime   // the group of the queue that the job is in: a heap, see heap.go
	index   int       // its index there
}

// shown returns Scheduled for a queued job that is not due yet. It is not stored,
// so that no job must be written to disk at the moment when it is due.
func (j *Job) shown(now time.Time) State {
	if j.State == Queued && j.Due.After(now) {
		return Scheduled
	}
	return j.State
}

// View returns a copy of j with the state that is shown at the time now.
func (j Job) View(now time.Time) Job {
	j.State = j.shown(now)
	return j
}

// Progress says how far a job is: Done of Total.
type Progress struct {
	Done  int `json:"done"`
	Total int `json:"total"`
}

// An Update is what the worker that has the lease of a job reports about it.
type Update struct {
	Token     string   `json:"token"` // of its lease
	Event     Event    `json:"event"`
	Progress  Progress `json:"progress,omitzero"`
	Error     string   `json:"error,omitempty"`     // with Failed: why
	Permanent bool     `json:"permanent,omitempty"` // with Failed: a retry cannot succeed
}

// An Event is what has happened to a running job.
type Event string

const (
	Heartbeat Event = "heartbeat" // it is still running: the lease is renewed
	Finished  Event = "finished"
	Failed    Event = "failed"
	Released  Event = "released" // its worker stops: the attempt does not count
)

// A Policy says how a job is run and retried.
type Policy struct {
	Attempts int           `json:"attempts"`        // at most, the first one included
	Deadline time.Duration `json:"deadline"`        // of one attempt
	Backoff  time.Duration `json:"backoff"`         // limit of the wait before the first retry; doubled for each later one
	Cap      time.Duration `json:"cap"`             // limit of that limit
	Every    time.Duration `json:"every,omitempty"` // recurs at this interval; 0 means once
}

// Kinds maps each kind of job to its policy. The backoffs are short, so that retries can be
// watched; for a real mail server use minutes.
var Kinds = map[string]Policy{
	"welcome-mail": {Attempts: 5, Deadline: 10 * time.Second, Backoff: 200 * time.Millisecond, Cap: time.Minute},
	"newsletter":   {Attempts: 3, Deadline: 10 * time.Minute, Backoff: time.Second, Cap: time.Minute},
}

// Retry returns how long to wait before the next attempt: a random time up to a
// limit that doubles each time (exponential backoff with full jitter). Without
// the doubling, an overloaded server gets as many requests as before. Without
// the random time, all jobs that failed together are retried together.
func (p Policy) Retry(attempts int) time.Duration {
	limit := min(p.Backoff, p.Cap, day)
	for range min(attempts-1, 64) {
		limit = min(2*limit, p.Cap, day)
	}
	if limit <= 0 {
		return 0
	}
	return rand.N(limit + 1)
}

// The limits of what clients and workers can send.
const (
	payloadMax = 16 << 10 // bytes, as JSON
	keyMax     = 256      // bytes
	nameMax    = 100      // bytes of a worker's name
	errorMax   = 4 << 10  // bytes; the end of a longer error is cut off
	day        = 24 * time.Hour
	year       = 366 * day
)

// Errors that a caller can do something about.
var (
	ErrNotFound    = errors.New("no such job")
	ErrBacklogFull = errors.New("the backlog is full")
	ErrUnavailable = errors.New("the broker is not available") // it cannot be reached, or cannot write to its disk
	ErrFenced      = errors.New("this lease has ended")        // its worker may not change the job any more
	ErrState       = errors.New("the job is not in a state that allows this")
	ErrBadJob      = errors.New("the request is invalid")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBadJob}, args...)...)
}

// A NewJob is what a client sends to enqueue a job.
type NewJob struct {
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload"`
	Key     string          `json:"key,omitempty"`   // idempotency key: the same key means the same job
	Due     time.Time       `json:"due,omitzero"`    // zero means now
	Policy  Policy          `json:"policy,omitzero"` // a field that is zero is that of the kind
}

// check returns n with its payload compacted and its policy completed, or an ErrBadJob.
func (n NewJob) check(now time.Time) (NewJob, error) {
	kind, known := Kinds[n.Kind]
	p := &n.Policy
	p.Attempts, p.Deadline = cmp.Or(p.Attempts, kind.Attempts), cmp.Or(p.Deadline, kind.Deadline)
	p.Backoff, p.Cap, p.Every = cmp.Or(p.Backoff, kind.Backoff), cmp.Or(p.Cap, kind.Cap), cmp.Or(p.Every, kind.Every)
	if n.Due.Before(now) {
		n.Due = now
	}
	var payload bytes.Buffer
	switch {
	case !known:
		return n, invalid("no such kind of job")
	case len(n.Key) > keyMax || !utf8.ValidString(n.Key):
		return n, invalid("the key must be UTF-8 of up to %d bytes", keyMax)
	case len(n.Payload) > payloadMax:
		return n, invalid("the payload is longer than %d bytes", payloadMax)
	case !utf8.Valid(n.Payload) || json.Compact(&payload, n.Payload) != nil || payload.String() == "null":
		return n, invalid("the payload must be JSON, and not null")
	case n.Due.After(now.Add(year)):
		return n, invalid("due must be at most a year ahead")
	case p.Attempts < 1 || p.Attempts > 100:
		return n, invalid("attempts must be from 1 to 100")
	case min(p.Deadline, p.Backoff, p.Cap) <= 0 || max(p.Deadline, p.Backoff, p.Cap) > day:
		return n, invalid("deadline, backoff and cap must be positive, and at most 24 hours")
	case p.Every != 0 && (p.Every < 100*time.Millisecond || p.Every > year):
		return n, invalid("every must be from 100 ms to a year")
	}
	n.Payload = payload.Bytes()
	return n, nil
}

// cut returns the beginning of a text, n bytes at most.
func cut(s string, n int) string { return strings.ToValidUTF8(s[:min(n, len(s))], "") }
