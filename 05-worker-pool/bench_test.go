package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// BenchmarkEmptyTask compares the cost of a task that does nothing. The numbers
// marked with × are ratios within this run.
func BenchmarkEmptyTask(b *testing.B) {
	cost := make(map[string]float64) // of each way, in ns for a task
	each := func(b *testing.B) float64 { return float64(b.Elapsed().Nanoseconds()) / float64(b.N) }
	record := func(b *testing.B, way string) { cost[way+cpus()] = each(b) }
	ratio := func(b *testing.B, way string) {
		if base := cost[way+cpus()]; base > 0 { // unless -bench has left that one out
			b.ReportMetric(each(b)/base, "×"+way)
		}
	}
	b.Run("goroutine", func(b *testing.B) {
		b.ReportAllocs()
		var group sync.WaitGroup
		for range b.N {
			group.Go(func() {})
		}
		group.Wait()
		record(b, "goroutine")
	})
	b.Run("semaphore", func(b *testing.B) { // a goroutine for each, a limited number at a time: the design of errgroup.SetLimit
		b.ReportAllocs()
		var group sync.WaitGroup
		slots := make(chan struct{}, runtime.GOMAXPROCS(0))
		for range b.N {
			slots <- struct{}{}
			group.Go(func() { <-slots })
		}
		group.Wait()
		record(b, "semaphore")
	})
	b.Run("pool", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		p := NewPool(ctx, Config{Workers: runtime.GOMAXPROCS(0), Queue: 64}, func(context.Context, int) error { return nil })
		for i := range b.N {
			p.Submit(ctx, i)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		ratio(b, "goroutine")
		ratio(b, "semaphore")
	})
	b.Run("slice", func(b *testing.B) {
		b.ReportAllocs()
		tasks := make([]struct{}, b.N)
		nothing := func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }
		b.ResetTimer()
		if _, err := Map(b.Context(), runtime.GOMAXPROCS(0), tasks, nothing); err != nil {
			b.Fatal(err)
		}
		ratio(b, "goroutine")
	})
}

// BenchmarkTenMicroseconds runs tasks of about 10 µs in a pool with a worker for
// each CPU, and compares that with the ideal: the same tasks, divided among the
// CPUs beforehand.
func BenchmarkTenMicroseconds(b *testing.B) {
	rounds := 1000
	for began := time.Now(); ; began = time.Now() { // how many rounds are 10 µs
		for range 100 {
			runtime.KeepAlive(spin(rounds))
		}
		if took := time.Since(began) / 100; took >= 10*time.Microsecond {
			break
		}
		rounds += rounds / 10
	}
	ideal := make(map[string]float64) // ns for a task
	b.Run("ideal", func(b *testing.B) {
		var group sync.WaitGroup
		workers := runtime.GOMAXPROCS(0)
		for me := range workers {
			group.Go(func() {
				for i := me; i < b.N; i += workers {
					runtime.KeepAlive(spin(rounds))
				}
			})
		}
		group.Wait()
		ideal[cpus()] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	})
	b.Run("pool", func(b *testing.B) {
		ctx := b.Context()
		p := NewPool(ctx, Config{Workers: runtime.GOMAXPROCS(0), Queue: 1024}, func(context.Context, int) error { runtime.KeepAlive(spin(rounds)); return nil })
		for i := range b.N {
			p.Submit(ctx, i)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ideal[cpus()], "×ideal")
	})
}

// cpus distinguishes the runs of go test -cpu: a ratio is within one of them.
func cpus() string { return fmt.Sprint("-", runtime.GOMAXPROCS(0)) }

//go:noinline
func spin(rounds int) (x uint64) {
	for i := range rounds {
		x = x*6364136223846793005 + uint64(i)
	}
	return x
}
