package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"
)

// A State is where a job is on its way.
type State string

const (
	Scheduled State = "scheduled" // its time has not come; a retry waits like this too. For showing only: it is stored as Queued, and when it is due
	Queued    State = "queued"    // to be done as soon as a worker is free
	Running   State = "running"   // leased to a worker
	Done      State = "done"
	Dead      State = "dead"      // given up after its last attempt: a dead letter
	Cancelled State = "cancelled" // by somebody who asked for it
)

// Ended reports whether nothing more will happen by itself.
func (s State) Ended() bool { return s == Done || s == Dead || s == Cancelled }

// A Job is a task written down, with all that is known about it. This is what
// the journal keeps, what the API shows, and what a worker gets.
type Job struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Payload json.RawMessage `json:"payload"`
	Key     string          `json:"key,omitempty"` // the client's Idempotency-Key
	Policy  Policy          `json:"policy"`

	State    State     `json:"state"`
	Attempts int       `json:"attempts"` // begun so far
	Error    string    `json:"error,omitempty"`
	Progress Progress  `json:"progress,omitzero"`
	Created  time.Time `json:"created"`
	Due      time.Time `json:"due"`              // not before; a retry's is later
	Planned  time.Time `json:"planned,omitzero"` // of one that comes at fixed intervals: when it was due at first
	Ended    time.Time `json:"ended,omitzero"`

	// Of the lease, while it is running.
	Worker  string    `json:"worker,omitempty"`
	Token   string    `json:"token,omitempty"` // another one for each lease
	Expires time.Time `json:"expires,omitzero"`

	number uint64 // counts the jobs as they come; the id begins with it
	list   *list  // of the queue, where it is counted
}

// preface is how many bytes stand before the JSON of a job in the journal: its
// number, and since when it waits for its first attempt, in nanoseconds since 1970
// (0 if it does not, or if its key must be known). From these a start knows enough
// of a job that only waits: to read the JSON of a million takes seconds.
const preface = 16

func encodeJob(j *Job) []byte {
	content := make([]byte, preface, 512)
	binary.LittleEndian.PutUint64(content, j.number)
	if j.State == Queued && j.Attempts == 0 && j.Key == "" && !j.Due.After(j.Created) {
		binary.LittleEndian.PutUint64(content[8:], uint64(j.Due.UnixNano()))
	}
	text, err := json.Marshal(j)
	if err != nil {
		panic(err) // of strings, numbers and times, and a payload that was checked
	}
	return append(content, text...)
}

func decodeJob(content []byte) (*Job, error) {
	if len(content) < preface {
		return nil, errors.New("too short for a job")
	}
	j := &Job{number: binary.LittleEndian.Uint64(content)}
	return j, json.Unmarshal(content[preface:], j)
}

// Progress says how far a job is: Done of Total.
type Progress struct {
	Done  int `json:"done"`
	Total int `json:"total"`
}

// A Policy says how a kind of job is treated.
type Policy struct {
	Attempts int           `json:"attempts"`        // at most, the first one included
	Deadline time.Duration `json:"deadline"`        // for one attempt
	Backoff  time.Duration `json:"backoff"`         // before the first retry, at most; doubled for each after it
	Cap      time.Duration `json:"cap"`             // but never more than this
	Every    time.Duration `json:"every,omitempty"` // again and again, this far apart
}

// Kinds are the kinds of jobs there are. The backoffs are a lesson's, so that one
// can watch; a real mail server deserves minutes.
var Kinds = map[string]Policy{
	"welcome-mail": {Attempts: 5, Deadline: 10 * time.Second, Backoff: 200 * time.Millisecond, Cap: time.Minute},
	"report":       {Attempts: 3, Deadline: 10 * time.Minute, Backoff: time.Second, Cap: time.Minute},
}

// Retry returns how long to wait after that many attempts: somewhere between
// nothing and a limit that doubles each time ("full jitter"). Without the
// doubling, what is overloaded is asked as often as before. Without the chance,
// all that failed together comes back together.
func (p Policy) Retry(attempts int) time.Duration {
	limit := p.Backoff
	for range attempts - 1 {
		if limit *= 2; limit >= p.Cap {
			break
		}
	}
	limit = min(limit, p.Cap)
	if limit <= 0 {
		return 0
	}
	return rand.N(limit + 1)
}

// What a caller can do something about.
var (
	ErrNotFound    = errors.New("no such job")
	ErrBacklogFull = errors.New("the backlog is full")
	ErrUnavailable = errors.New("the broker can't keep it now") // away, or no room on its disk
	ErrFenced      = errors.New("this lease has ended")         // somebody else has the job, or it is over
	ErrState       = errors.New("not in this state")
	ErrBadJob      = errors.New("no good")
)
