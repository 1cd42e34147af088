package main

import (
	"cmp"
	"container/heap"
	"time"
)

// A byTime has jobs of one state, the earliest first; a job's number decides a tie.
// It is a heap in which each job knows its index, so it can leave from the middle.
type byTime struct{ jobs []*Job }

func (j *Job) time() time.Time {
	switch {
	case j.State == Running:
		return j.Expires
	case j.State.Ended():
		return j.Ended
	}
	return j.Due
}

func (j *Job) before(k *Job) bool {
	return cmp.Or(j.time().Compare(k.time()), cmp.Compare(j.number, k.number)) < 0
}

func (h *byTime) Len() int           { return len(h.jobs) }
func (h *byTime) Less(i, k int) bool { return h.jobs[i].before(h.jobs[k]) }
func (h *byTime) Swap(i, k int) {
	h.jobs[i], h.jobs[k] = h.jobs[k], h.jobs[i]
	h.jobs[i].index, h.jobs[k].index = i, k
}

func (h *byTime) Push(x any) {
	j := x.(*Job)
	j.in, j.index = h, len(h.jobs)
	h.jobs = append(h.jobs, j)
}

func (h *byTime) Pop() any {
	n := len(h.jobs) - 1
	j := h.jobs[n]
	j.in, h.jobs[n] = nil, nil
	if h.jobs = h.jobs[:n]; n < cap(h.jobs)/4 { // memory follows the jobs that are there
		h.jobs = append(make([]*Job, 0, 2*n), h.jobs...)
	}
	return j
}

// move moves a job into h, or out of the queue if h is nil.
func (j *Job) move(h *byTime) {
	if j.in != nil {
		heap.Remove(j.in, j.index)
	}
	if h != nil {
		heap.Push(h, j)
	}
}
