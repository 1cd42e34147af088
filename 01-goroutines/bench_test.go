package main

import (
	"runtime"
	"testing"
)

// BenchmarkStart starts a goroutine and waits until it has run.
func BenchmarkStart(b *testing.B) { benchmarkStart(b, func() {}) }

// BenchmarkStartOnAThread does the same with a goroutine that keeps an OS thread
// to itself, so that each one needs a new thread.
func BenchmarkStartOnAThread(b *testing.B) { benchmarkStart(b, runtime.LockOSThread) }

func benchmarkStart(b *testing.B, do func()) {
	b.ReportAllocs()
	for b.Loop() {
		ran := make(chan struct{})
		go func() {
			do() // a thread that is still locked when its goroutine ends is not used again
			close(ran)
		}()
		<-ran
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
