package main

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"
)

// A Turn is a stretch of time in which one goroutine had the processor.
type Turn struct {
	Who        int           // which goroutine, from 0
	Start, End time.Duration // since TakeTurns began
}

// TakeTurns starts goroutines that all compute without a pause, for d and until
// each of them has run. It returns the turns they had, in order, and the number
// of steps they made in all. On one processor they follow one another; on
// several they run at the same time, and turns become very short and very many.
//
// If a goroutine has not run after five seconds, the others give up on it.
func TakeTurns(goroutines int, d time.Duration) (turns []Turn, steps int64) {
	var (
		mu    sync.Mutex   // guards turns
		last  atomic.Int64 // who made the last step
		seen  atomic.Int64 // how many goroutines have run
		total atomic.Int64 // steps
		group sync.WaitGroup
		began = time.Now()
	)
	last.Store(-1)
	for me := range goroutines {
		group.Go(func() {
			steps := 0
			seen.Add(1)
			// Nothing in this loop waits (but for mu, a moment at the end of a turn), so
			// the goroutine never gives its processor away: it has to be taken from it.
			for {
				if steps++; steps%64 == 0 { // looking at the clock at every step would be most of the work
					now := time.Since(began)
					if now > 5*time.Second || now > d && seen.Load() == int64(goroutines) {
						break
					}
				}
				if last.Swap(int64(me)) == int64(me) { // Swap returns who made the step before
					continue
				}
				mu.Lock() // It was somebody else: a new turn.
				now := time.Since(began)
				if len(turns) > 0 {
					turns[len(turns)-1].End = now
				}
				turns = append(turns, Turn{Who: me, Start: now})
				mu.Unlock()
			}
			total.Add(int64(steps))
		})
	}
	group.Wait()
	turns[len(turns)-1].End = time.Since(began)
	return turns, total.Load()
}

// Compute does a fixed amount of computing, cut into pieces, with as many
// goroutines as it is told, and returns the time it took.
func Compute(pieces, goroutines int) time.Duration {
	began := time.Now()
	var data [1 << 20]byte // read by all, written by none
	var taken atomic.Int64 // pieces: whoever adds the fifth does the fifth
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for taken.Add(1) <= int64(pieces) {
				sha256.Sum256(data[:])
			}
		})
	}
	group.Wait()
	return time.Since(began)
}

// Wait lets as many goroutines as it is told wait for d each, and returns the
// time until the last has waited.
func Wait(goroutines int, d time.Duration) time.Duration {
	began := time.Now()
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() { time.Sleep(d) })
	}
	group.Wait()
	return time.Since(began)
}
