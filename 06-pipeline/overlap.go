package main

import (
	"context"
	"sync"
	"time"
)

// A Lane records when a stage is busy.
type Lane struct {
	mu   sync.Mutex // a stage may have several workers
	busy []Span
}

// A Span is the time from one instant to another.
type Span struct{ From, To time.Time }

func (l *Lane) add(from, to time.Time) {
	l.mu.Lock()
	l.busy = append(l.busy, Span{from, to})
	l.mu.Unlock()
}

// Busy returns for how long the workers of the stage were busy, added up.
func (l *Lane) Busy() (all time.Duration) {
	for _, s := range l.busy {
		all += s.To.Sub(s.From)
	}
	return all
}

// Cells divides the time of whole into n equal parts and returns how much of
// each the stage was busy: 1 is all of it. All are 0 if whole takes no time.
func (l *Lane) Cells(whole Span, n int) []float64 {
	cells := make([]float64, n)
	if !whole.To.After(whole.From) {
		return cells // all within one tick of the clock
	}
	width := whole.To.Sub(whole.From).Seconds() / float64(n)
	for _, s := range l.busy {
		from, to := s.From.Sub(whole.From).Seconds()/width, s.To.Sub(whole.From).Seconds()/width
		for i := max(int(from), 0); i < n && float64(i) < to; i++ {
			cells[i] += min(to, float64(i+1)) - max(from, float64(i))
		}
	}
	return cells
}

// Watch returns work that does the same and records it in l.
func Watch[In, Out any](l *Lane, work func(context.Context, In) (Out, error)) func(context.Context, In) (Out, error) {
	return func(ctx context.Context, v In) (Out, error) {
		from := time.Now()
		defer func() { l.add(from, time.Now()) }()
		return work(ctx, v)
	}
}

// WatchSource returns a source that does the same and records it in l. It is busy
// between two calls of emit, and blocked during the call.
func WatchSource[T any](l *Lane, produce func(context.Context, func(T) error) error) func(context.Context, func(T) error) error {
	return func(ctx context.Context, emit func(T) error) error {
		from := time.Now()
		err := produce(ctx, func(v T) error {
			l.add(from, time.Now())
			defer func() { from = time.Now() }()
			return emit(v)
		})
		l.add(from, time.Now())
		return err
	}
}
