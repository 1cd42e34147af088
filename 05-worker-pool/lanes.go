package main

import (
	"slices"
	"sync"
	"time"
)

// Lanes records who is busy when. Whoever begins a task takes the first lane
// that is free, so there are as many lanes as tasks were ever under way at once,
// and when fewer are it is the last lanes that are empty.
type Lanes struct {
	mu    sync.Mutex
	taken []bool   // by lane; guarded by mu
	spans [][]Span // by lane; guarded by mu
}

// A Span is the time from one instant to another.
type Span struct{ From, To time.Time }

// Enter is called when a task begins. It returns the function to call at its end.
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

// Peak returns how many tasks were under way at once, at most.
func (l *Lanes) Peak() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

// Spans returns the tasks that have ended, by lane, each lane's in their order.
func (l *Lanes) Spans() [][]Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.spans)
}
