package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"
)

// A parked job has waited since before the start, and is as the journal had it: it
// becomes a Job when its turn has come, or when somebody asks for it. So a start does
// not take longer than to read the journal, however many wait.
type parked struct {
	content []byte
	job     *Job // nil until then
}

func (p parked) number() uint64 { return binary.LittleEndian.Uint64(p.content) }
func (p parked) since() int64   { return int64(binary.LittleEndian.Uint64(p.content[8:])) }

// Park takes a job from the journal that only waits, and reports whether it is one.
func (q *Queue) Park(content []byte) bool {
	if len(content) < preface {
		return false
	}
	p := parked{content: content}
	if p.since() == 0 || p.number() <= q.last { // the journal has it twice: something has happened to it
		return false
	}
	q.last = p.number()
	if len(q.parked) == cap(q.parked) { // append alone would copy a long slice more often
		q.parked = slices.Grow(q.parked, len(q.parked)+1)
	}
	q.parked = append(q.parked, p)
	q.waiting.count++
	q.live++
	return true
}

// unpark makes a Job of a parked one, which keeps its place.
func (q *Queue) unpark(p *parked) *Job {
	if p.job != nil {
		return p.job
	}
	q.waiting.count--
	q.live--
	j, err := decodeJob(p.content)
	if p.job = j; err != nil { // the bytes are those that were written: nobody can do it, and nobody may lose it
		text, _ := json.Marshal(string(p.content[preface:]))
		*j = Job{number: j.number, ID: fmt.Sprintf("%d-unreadable", j.number), State: Dead, Error: err.Error(), Payload: text}
		q.put(j, time.Time{})
		return j
	}
	q.jobs[j.ID] = j
	q.live++
	j.move(&q.waiting)
	return j
}

// dropParked gives up the place of the first one, whose job has gone on.
func (q *Queue) dropParked() {
	q.parked[0] = parked{} // or its chunk of the journal could never be collected
	q.parked = q.parked[1:]
}

// Records returns all jobs as the journal has them.
func (q *Queue) Records() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, p := range q.parked {
			if p.job == nil && !yield(p.content) {
				return
			}
		}
		for _, j := range q.All(0) {
			if !yield(encodeJob(j)) {
				return
			}
		}
	}
}
