package main

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"
)

// A Turn is a stretch of time in which one goroutine had the CPU.
type Turn struct {
	Who        int           // which goroutine, from 0
	Start, End time.Duration // since TakeTurns began
}

// TakeTurns starts goroutines that all compute for d. It returns their turns and the
// total number of steps. Consecutive turns are of different goroutines, and each begins
// where the one before it ends.
func TakeTurns(goroutines int, d time.Duration) (turns []Turn, steps int64) {
	var (
		mu    sync.Mutex   // guards turns
		last  atomic.Int64 // which goroutine made the last step
		total atomic.Int64 // steps
		wg    sync.WaitGroup
		began = time.Now()
	)
	last.Store(-1)
	for me := range goroutines {
		wg.Go(func() {
			steps := 0
			// Nothing in this loop blocks (but for mu, briefly, when a turn ends), so
			// the goroutine never yields its CPU: the scheduler has to preempt it.
			for {
				if steps++; steps%64 == 0 && time.Since(began) > d { // reading the clock takes longer than a step
					break
				}
				if last.Swap(int64(me)) == int64(me) { // Swap returns the goroutine that made the step before
					continue
				}
				mu.Lock()
				turns = nextTurn(turns, me, time.Since(began))
				mu.Unlock()
			}
			total.Add(int64(steps))
		})
	}
	wg.Wait()
	turns[len(turns)-1].End = time.Since(began)
	return turns, total.Load()
}

// nextTurn ends the last turn and begins one of the goroutine who, unless the last
// one is its own: on several CPUs another goroutine may step in between and lock
// later.
func nextTurn(turns []Turn, who int, now time.Duration) []Turn {
	n := len(turns)
	if n > 0 && turns[n-1].Who == who {
		return turns
	}
	if n > 0 {
		turns[n-1].End = now
	}
	return append(turns, Turn{Who: who, Start: now})
}

// OthersRun reports whether another goroutine runs while this one is busy: in a
// loop, with a limit, that neither blocks nor calls a function.
func OthersRun(limit int64) bool {
	var ran atomic.Bool
	go ran.Store(true)
	for i := int64(0); i < limit && !ran.Load(); i++ {
	}
	return ran.Load()
}

// Share distributes pieces of work among goroutines: each takes the next piece when it
// has finished one. It calls work once for each piece, and returns the time that took.
func Share(pieces, goroutines int, work func()) time.Duration {
	began := time.Now()
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for taken.Add(1) <= int64(pieces) {
				work()
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

var hash = func() { sha256.Sum256(megabyte[:]) } // a variable for tests

var megabyte [1 << 20]byte
