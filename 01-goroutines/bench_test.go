package main

import (
	"runtime"
	"sync"
	"testing"
)

// BenchmarkStart starts goroutines that do nothing, and waits for all of them.
func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	var group sync.WaitGroup
	for b.Loop() {
		group.Go(func() {})
	}
	group.Wait()
}

// BenchmarkStartOnAThread does the same with a new OS thread for each.
func BenchmarkStartOnAThread(b *testing.B) {
	for b.Loop() {
		ended := make(chan bool)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread is not used again
			close(ended)
		}()
		<-ended
	}
}

// BenchmarkCall calls a function that does nothing, for comparison.
func BenchmarkCall(b *testing.B) {
	for b.Loop() {
		nothing()
	}
}

//go:noinline
func nothing() {}

// BenchmarkMillionAlive keeps a million goroutines alive. It takes about 3 GB (on Windows 9 GB).
func BenchmarkMillionAlive(b *testing.B) {
	const n = 1_000_000
	for b.Loop() {
		before := memory()
		crowd := NewCrowd()
		took := crowd.Grow(n)
		b.ReportMetric(float64(memory()-before)/n, "B/goroutine")
		b.ReportMetric(took.Seconds()*1e9/n, "ns/goroutine")
		if crowd.Alive() != n {
			b.Fatal("not all of them are alive")
		}
		crowd.Leave()
	}
}
