package main

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"
)

// BenchmarkEmptyTask compares what it costs to have a task done that does
// nothing. The figures marked with × are ratios within this run.
func BenchmarkEmptyTask(b *testing.B) {
	processors := runtime.GOMAXPROCS(0)
	cost := make(map[string]float64) // ns for each task
	record := func(b *testing.B) {
		cost[b.Name()] = float64(b.Elapsed().Nanoseconds()) / float64(b.N)
	}
	ratio := func(b *testing.B, to string) {
		if base := cost["BenchmarkEmptyTask/"+to]; base > 0 {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/base, "×"+to)
		}
	}
	b.Run("goroutine", func(b *testing.B) {
		b.ReportAllocs()
		var group sync.WaitGroup
		for range b.N {
			group.Go(func() {})
		}
		group.Wait()
		record(b)
	})
	b.Run("semaphore", func(b *testing.B) { // a goroutine for each, so many at a time: the design of errgroup.SetLimit
		b.ReportAllocs()
		var group sync.WaitGroup
		places := make(chan struct{}, processors)
		for range b.N {
			places <- struct{}{}
			group.Go(func() { <-places })
		}
		group.Wait()
		record(b)
	})
	b.Run("pool", func(b *testing.B) {
		b.ReportAllocs()
		ctx := b.Context()
		p := NewPool(ctx, Config{Workers: processors, Queue: 64}, func(context.Context, int) error { return nil })
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
		if _, err := Map(b.Context(), processors, tasks, nothing); err != nil {
			b.Fatal(err)
		}
		ratio(b, "goroutine")
	})
}

// BenchmarkTenMicroseconds has tasks of about 10 µs done by a pool with a worker
// for each processor, and compares that with the ideal: the same tasks dealt out
// to the processors beforehand.
func BenchmarkTenMicroseconds(b *testing.B) {
	rounds := 1000
	for began := time.Now(); ; began = time.Now() { // how many rounds are 10 µs
		for range 100 {
			spin(rounds)
		}
		if took := time.Since(began) / 100; took >= 10*time.Microsecond {
			break
		}
		rounds += rounds / 10
	}
	processors := runtime.GOMAXPROCS(0)
	var ideal time.Duration
	b.Run("ideal", func(b *testing.B) {
		var group sync.WaitGroup
		for me := range processors {
			group.Go(func() {
				for i := me; i < b.N; i += processors {
					spin(rounds)
				}
			})
		}
		group.Wait()
		ideal = b.Elapsed() / time.Duration(b.N)
	})
	b.Run("pool", func(b *testing.B) {
		ctx := b.Context()
		p := NewPool(ctx, Config{Workers: processors, Queue: 1024}, func(context.Context, int) error { spin(rounds); return nil })
		for i := range b.N {
			p.Submit(ctx, i)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(ideal), "×ideal")
	})
}

//go:noinline
func spin(rounds int) (x uint64) {
	for i := range rounds {
		x = x*6364136223846793005 + uint64(i)
	}
	return x
}
