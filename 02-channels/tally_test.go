package main

import (
	"testing"
	"testing/synctest"
)

// TestEveryWayOfCountingIsRight lets goroutines count to the same number in
// three ways (claim 2.8). The race detector would object to a fourth.
func TestEveryWayOfCountingIsRight(t *testing.T) {
	for name, create := range map[string]func() Tally{
		"an atomic number":                 func() Tally { return new(AtomicTally) },
		"a number with a mutex":            func() Tally { return new(MutexTally) },
		"a goroutine that owns the number": func() Tally { return NewOwnedTally() },
	} {
		synctest.Test(t, func(t *testing.T) { // it ends only when the owner has ended too
			if got := Count(create(), 8, 500); got != 4000 {
				t.Errorf("8 goroutines added 500 each to %s, and it says %d", name, got)
			}
		})
	}
}

// BenchmarkHandOver is a send without a buffer to a goroutine that waits for it.
func BenchmarkHandOver(b *testing.B) { send(b, 0) }

// BenchmarkBufferedSend is a send with room for 64, to the same receiver.
func BenchmarkBufferedSend(b *testing.B) { send(b, 64) }

func send(b *testing.B, capacity int) {
	c := make(chan int, capacity)
	drained := make(chan int)
	go func() { drained <- Drain(c) }()
	for b.Loop() {
		c <- 1
	}
	close(c)
	<-drained
}

// BenchmarkAtomic adds from one goroutine; BenchmarkAtomicContended from one for each processor.
func BenchmarkAtomic(b *testing.B)          { alone(b, new(AtomicTally)) }
func BenchmarkAtomicContended(b *testing.B) { contended(b, new(AtomicTally)) }

// BenchmarkMutex and BenchmarkMutexContended do the same with a lock.
func BenchmarkMutex(b *testing.B)          { alone(b, new(MutexTally)) }
func BenchmarkMutexContended(b *testing.B) { contended(b, new(MutexTally)) }

// BenchmarkOwner and BenchmarkOwnerContended send to the goroutine that owns the number.
func BenchmarkOwner(b *testing.B)          { alone(b, NewOwnedTally()) }
func BenchmarkOwnerContended(b *testing.B) { contended(b, NewOwnedTally()) }

func alone(b *testing.B, tally Tally) {
	for b.Loop() {
		tally.Add()
	}
	tally.Total()
}

func contended(b *testing.B, tally Tally) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tally.Add()
		}
	})
	tally.Total()
}
