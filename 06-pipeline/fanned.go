package main

import (
	"context"
	"fmt"
	"time"
)

// A fanned is one way to run the hash stage, and what was measured.
type fanned struct {
	name    string
	start   func(*Pipeline, int, <-chan File, func(context.Context, File) (File, error)) <-chan File
	workers int

	took            time.Duration
	lane            Lane
	walked, arrived []string // paths, in their order before the stage and after it
	report          *Report
}

// inPlace returns how many files left the stage in the place in which they entered it.
func (f *fanned) inPlace() (n int) {
	for i, path := range f.arrived {
		if path == f.walked[i] {
			n++
		}
	}
	return n
}

// row returns the row of the table in 6.3. Alone is the time with one worker.
func (f *fanned) row(alone time.Duration) string {
	speed, busy, inPlace := tooQuick, tooQuick, "no files"
	if alone > 0 {
		speed = times(alone, f.took)
	}
	if f.took > 0 {
		busy = percent(f.lane.Busy().Seconds(), f.took.Seconds()*float64(f.workers))
	}
	if len(f.walked) > 0 {
		inPlace = percent(float64(f.inPlace()), float64(len(f.walked)))
	}
	return fmt.Sprintf("     %-24s %12s %10s %10s %14s", f.name, measured(short(f.took)), measured(speed), measured(busy), measured(inPlace))
}

// percent writes a as a part of b, which is not 0.
func percent(a, b float64) string { return fmt.Sprintf("%.0f%%", 100*a/b) }
