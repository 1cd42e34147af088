package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Tally is a number that any number of goroutines may use concurrently.
type Tally interface {
	Add()       // adds 1
	Total() int // returns the number
}

// AtomicTally is one number. Each of its operations is indivisible.
type AtomicTally struct{ n atomic.Int64 }

func (t *AtomicTally) Add()       { t.n.Add(1) }
func (t *AtomicTally) Total() int { return int(t.n.Load()) }

// MutexTally protects its number with a mutex. The code between Lock and Unlock
// is a critical section: at most one goroutine is in it (mutual exclusion). A
// mutex can protect ten numbers, or a map, as well as one.
type MutexTally struct {
	mu sync.Mutex
	n  int // guarded by mu
}

func (t *MutexTally) Add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *MutexTally) Total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// RWMutexTally lets several goroutines read at the same time, and one write
// while none reads.
type RWMutexTally struct {
	mu sync.RWMutex
	n  int // guarded by mu
}

func (t *RWMutexTally) Add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *RWMutexTally) Total() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.n
}

// ChannelTally has a goroutine that owns the number. The others send to it and
// receive from it.
type ChannelTally struct {
	adds   chan struct{}
	totals chan int
	stop   chan struct{}
}

// NewChannelTally returns a tally of 0, which the caller must Stop.
func NewChannelTally() *ChannelTally {
	t := &ChannelTally{make(chan struct{}), make(chan int), make(chan struct{})}
	go func() {
		n := 0 // needs no lock: only this goroutine can access it
		for {
			select {
			case <-t.adds:
				n++
			case t.totals <- n:
			case <-t.stop:
				return
			}
		}
	}()
	return t
}

func (t *ChannelTally) Add()       { t.adds <- struct{}{} }
func (t *ChannelTally) Total() int { return <-t.totals }

// Stop ends the owner. After it, Add and Total block forever.
func (t *ChannelTally) Stop() { t.stop <- struct{}{} }

// Concurrently calls f n times from each of several goroutines, and returns the time
// per call.
func Concurrently(goroutines, n int, f func()) time.Duration {
	began := time.Now()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range n {
				f()
			}
		})
	}
	wg.Wait()
	return time.Since(began) / time.Duration(goroutines*n)
}
