package main

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/alitto/pond/v2"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
)

// BenchmarkEmptyTask runs tasks that do nothing, with as many workers as CPUs.
func BenchmarkEmptyTask(b *testing.B) {
	workers := runtime.GOMAXPROCS(0)
	b.Run("goroutine each", func(b *testing.B) {
		var group sync.WaitGroup
		for range b.N {
			group.Go(func() {})
		}
		group.Wait()
	})
	b.Run("this pool", func(b *testing.B) {
		p := NewPool(b.Context(), Config{Workers: workers, Queue: 64}, func(context.Context, int) error { return nil })
		for i := range b.N {
			if err := p.Submit(b.Context(), i); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("errgroup", func(b *testing.B) {
		g := new(errgroup.Group)
		g.SetLimit(workers)
		for range b.N {
			g.Go(func() error { return nil })
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("conc", func(b *testing.B) {
		p := pool.New().WithMaxGoroutines(workers).WithErrors()
		for range b.N {
			p.Go(func() error { return nil })
		}
		if err := p.Wait(); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("pond, with errors", func(b *testing.B) {
		p := pond.NewPool(workers, pond.WithQueueSize(64))
		g := p.NewGroup()
		for range b.N {
			g.SubmitErr(func() error { return nil })
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		p.StopAndWait()
	})
	b.Run("pond, without errors", func(b *testing.B) {
		p := pond.NewPool(workers, pond.WithQueueSize(64))
		for range b.N {
			if err := p.Go(func() {}); err != nil {
				b.Fatal(err)
			}
		}
		p.StopAndWait()
	})
	b.Run("ants, without errors", func(b *testing.B) {
		p, err := ants.NewPool(workers)
		if err != nil {
			b.Fatal(err)
		}
		defer p.Release()
		var group sync.WaitGroup
		group.Add(b.N)
		for range b.N {
			if err := p.Submit(group.Done); err != nil {
				b.Fatal(err)
			}
		}
		group.Wait()
	})
	b.Run("Map of this chapter", func(b *testing.B) {
		tasks := make([]struct{}, b.N)
		b.ResetTimer()
		if _, err := Map(b.Context(), workers, tasks, func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("conc iter.MapErr", func(b *testing.B) {
		tasks := make([]struct{}, b.N)
		m := iter.Mapper[struct{}, struct{}]{MaxGoroutines: workers}
		b.ResetTimer()
		if _, err := m.MapErr(tasks, func(*struct{}) (struct{}, error) { return struct{}{}, nil }); err != nil {
			b.Fatal(err)
		}
	})
}
