package main

import (
	"sync"
	"sync/atomic"
)

// A Tally is a number that any number of goroutines may add to.
type Tally interface {
	Add()
	// Total returns the number. No Add may follow it.
	Total() int
}

// AtomicTally is one number, changed in one step that nothing can come in between.
type AtomicTally struct{ n atomic.Int64 }

func (t *AtomicTally) Add()       { t.n.Add(1) }
func (t *AtomicTally) Total() int { return int(t.n.Load()) }

// MutexTally guards its number with a lock. It could guard ten of them, or a map.
type MutexTally struct {
	mu sync.Mutex
	n  int // guarded by mu
}

func (t *MutexTally) Add() {
	t.mu.Lock()
	t.n++
	t.mu.Unlock()
}

func (t *MutexTally) Total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// OwnedTally has a goroutine that owns the number; the others send to it.
type OwnedTally struct {
	adds  chan struct{} // of empty values: only that one comes matters
	total chan int
}

// NewOwnedTally starts the owner. Total ends it.
func NewOwnedTally() *OwnedTally {
	t := &OwnedTally{make(chan struct{}), make(chan int)}
	go func() {
		n := 0 // needs no lock: only this goroutine can reach it
		for range t.adds {
			n++
		}
		t.total <- n
	}()
	return t
}

func (t *OwnedTally) Add() { t.adds <- struct{}{} }

func (t *OwnedTally) Total() int {
	close(t.adds)
	return <-t.total
}

// Count lets goroutines add to t, each of them so many times, and returns the total.
func Count(t Tally, goroutines, each int) int {
	var adding sync.WaitGroup
	for range goroutines {
		adding.Go(func() {
			for range each {
				t.Add()
			}
		})
	}
	adding.Wait()
	return t.Total()
}
