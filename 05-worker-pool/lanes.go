package main

import (
	"slices"
	"sync"
	"time"
)

// Lanes records when tasks run. A task takes the first lane that is free, so the
// number of lanes is the highest number of tasks that ran at the same time.
type Lanes struct {
	mu    sync.Mutex
	taken []bool   // by lane
	spans [][]Span // by lane
}

// A Span is the time from one instant to another.
type Span struct{ From, To time.Time }

// Enter is called when a task begins. It returns the function to call when the task ends.
func (l *Lanes) Enter() (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lane := slices.Index(l.taken, false)
	if lane < 0 {
		lane = len(l.taken)
		l.taken, l.spans = append(l.taken, false), append(l.spans, nil)
	}
	l.taken[lane] = true
	from := time.Now()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.taken[lane] = false
		l.spans[lane] = append(l.spans[lane], Span{from, time.Now()})
	}
}

// Peak returns the highest number of tasks that ran at the same time.
func (l *Lanes) Peak() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

// Spans returns the tasks that have ended, by lane, in the order in which they began.
func (l *Lanes) Spans() [][]Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.spans)
}
