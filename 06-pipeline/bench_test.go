package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// BenchmarkFind compares the pipeline with a plain walk, over identical files in the
// system's cache, so that hashing takes most of the time.
func BenchmarkFind(b *testing.B) {
	tree := grow(b, 256, 512<<10)
	ignore := func(File) {}
	plain := make(map[int]float64) // ns for the tree, by cpus
	b.Run("sequential", func(b *testing.B) {
		for b.Loop() {
			if err := Sequential(b.Context(), tree, ignore); err != nil {
				b.Fatal(err)
			}
		}
		plain[runtime.GOMAXPROCS(0)] = each(b)
	})
	b.Run("pipeline", func(b *testing.B) {
		cpus := runtime.GOMAXPROCS(0)
		for b.Loop() {
			if err := Find(b.Context(), tree, cpus, ignore); err != nil {
				b.Fatal(err)
			}
		}
		faster := plain[cpus] / each(b)
		b.ReportMetric(faster, "×faster")
		b.ReportMetric(faster/float64(cpus), "×CPUs")
	})
}

// BenchmarkHop measures what it costs to get an item to the next stage, and
// compares that with a bare channel of the same capacity.
func BenchmarkHop(b *testing.B) {
	const stages = 4
	bare := make(map[int]float64) // ns for an item and hop, by cpus
	b.Run("bare", func(b *testing.B) {
		source := make(chan int, slack)
		go func() {
			defer close(source)
			for i := range b.N {
				source <- i
			}
		}()
		in := source
		for range stages {
			from, to := in, make(chan int, slack)
			go func() {
				defer close(to)
				for v := range from {
					to <- v
				}
			}()
			in = to
		}
		for range in {
		}
		bare[runtime.GOMAXPROCS(0)] = each(b) / (stages + 1)
		b.ReportMetric(each(b)/(stages+1), "ns/hop")
	})
	b.Run("stage", func(b *testing.B) {
		err := Run(b.Context(), func(p *Pipeline) error {
			in := countTo(p, b.N)
			for range stages {
				in = Stage(p, 1, in, same)
			}
			for range in {
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		hop := each(b) / (stages + 1)
		b.ReportMetric(hop, "ns/hop")
		b.ReportMetric(hop/bare[runtime.GOMAXPROCS(0)], "×bare")
	})
}

// BenchmarkTenTimesTheFiles compares the time and the memory for a tree with
// those for one of ten times the files.
func BenchmarkTenTimesTheFiles(b *testing.B) {
	type run struct{ ns, held float64 }
	first := make(map[int]run) // by cpus
	for _, files := range []int{1000, 10_000} {
		tree := grow(b, files, 16<<10)
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			cpus := runtime.GOMAXPROCS(0)
			for b.Loop() {
				if err := Find(b.Context(), tree, cpus, func(File) {}); err != nil {
					b.Fatal(err)
				}
			}
			now := run{each(b), held(b, tree, files)}
			if first[cpus].ns == 0 {
				first[cpus] = now
			}
			b.ReportMetric(now.held/(1<<10), "KB-held")
			b.ReportMetric(now.ns/first[cpus].ns, "×time")
			b.ReportMetric(now.held/first[cpus].held, "×memory")
		})
	}
}

// held returns the bytes that the pipeline holds while it runs, the mean of ten measurements.
func held(b *testing.B, tree fs.FS, files int) float64 {
	before, during := memory(), int64(0)
	n := 0
	err := Find(b.Context(), tree, runtime.GOMAXPROCS(0), func(File) {
		if n++; n%(files/10) == files/20 {
			during += memory() - before
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return float64(during) / 10
}

func each(b *testing.B) float64 { return float64(b.Elapsed().Nanoseconds()) / float64(b.N) }

// grow makes a tree of files of the given size, a hundred in each directory.
func grow(b *testing.B, files, size int) fs.FS {
	b.Helper()
	dir := b.TempDir()
	data := make([]byte, size)
	for i := range files {
		name := filepath.Join(dir, fmt.Sprint("d", i/100), fmt.Sprint("f", i))
		if i%100 == 0 {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	root, err := OpenTree(dir, false)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { root.Close() }) // Windows cannot remove a directory that is open
	return root
}
