package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

func benchBroker(b *testing.B) *Broker {
	broker, err := OpenBroker(BrokerConfig{Dir: b.TempDir(), Backlog: 100_000_000, Lease: time.Minute, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return broker
}

func perOp(b *testing.B) float64 { return float64(b.Elapsed().Nanoseconds()) / float64(b.N) }

// BenchmarkEnqueue compares a durable enqueue, by one client and by 64, with
// writing the same bytes and syncing them by hand.
func BenchmarkEnqueue(b *testing.B) {
	var bare float64 // ns for a write and a sync
	b.Run("bare", func(b *testing.B) {
		file, err := os.Create(filepath.Join(b.TempDir(), "bare"))
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		data := make([]byte, 400)
		for b.Loop() {
			if _, err := file.Write(data); err != nil {
				b.Fatal(err)
			}
			if err := file.Sync(); err != nil {
				b.Fatal(err)
			}
		}
		bare = perOp(b)
	})
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprint(clients), func(b *testing.B) {
			broker := benchBroker(b)
			defer broker.Close()
			n := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com")}
			b.ResetTimer()
			var group sync.WaitGroup
			left := make(chan struct{}, b.N)
			for range b.N {
				left <- struct{}{}
			}
			close(left)
			for range clients {
				group.Go(func() {
					for range left {
						if _, err := broker.Enqueue(b.Context(), n); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			if bare > 0 {
				b.ReportMetric(perOp(b)/bare, "×bare")
				b.ReportMetric(bare/perOp(b), "jobs/sync")
			}
		})
	}
}

// BenchmarkBacklog measures the whole way of a job through the broker, for 64
// clients at once, while so many others wait.
func BenchmarkBacklog(b *testing.B) {
	base := make(map[int]float64) // ns for a job, by processors
	for _, waiting := range []int{1000, 1_000_000} {
		dir := b.TempDir()
		writeJournal(b, filepath.Join(dir, "journal"), waiting)
		before := inUse()
		broker, err := OpenBroker(BrokerConfig{Dir: dir, Backlog: 100_000_000, Lease: time.Minute, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		each := float64(inUse()-before) / float64(waiting)
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
			n := NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com")}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := broker.Enqueue(b.Context(), n); err != nil {
						b.Error(err)
						return
					}
					j, err := broker.Lease(b.Context(), "w", rand.Text())
					if err == nil {
						err = broker.Finish(b.Context(), j.ID, j.Token, Progress{})
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			})
			if waiting == 1000 {
				base[runtime.GOMAXPROCS(0)] = perOp(b)
			} else if first := base[runtime.GOMAXPROCS(0)]; first > 0 {
				b.ReportMetric(perOp(b)/first, "×1000")
			}
			b.ReportMetric(each, "B/waiting")
		})
		broker.Close()
	}
}

// writeJournal writes a journal of so many waiting jobs.
func writeJournal(b *testing.B, path string, jobs int) {
	var records []byte
	now := time.Now()
	for i := range jobs {
		records = record(records, encodeJob(&Job{number: uint64(i + 1), ID: fmt.Sprintf("%d-%s", i+1, rand.Text()), Kind: "welcome-mail", Payload: payload("ada@example.com"), Policy: Kinds["welcome-mail"], State: Queued, Created: now, Due: now}))
	}
	if err := os.WriteFile(path, records, 0o600); err != nil {
		b.Fatal(err)
	}
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkReplay compares the start of a broker with reading and checksumming
// its journal.
func BenchmarkReplay(b *testing.B) {
	const jobs = 1_000_000
	path := filepath.Join(b.TempDir(), "journal")
	writeJournal(b, path, jobs)
	base := 0.0
	b.Run("checksum", func(b *testing.B) {
		for b.Loop() {
			file, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			sum := crc32.New(castagnoli)
			if _, err := io.Copy(sum, file); err != nil {
				b.Fatal(err)
			}
			file.Close()
		}
		base = perOp(b)
	})
	b.Run("replay", func(b *testing.B) {
		for b.Loop() {
			broker := newBroker(BrokerConfig{Backlog: jobs, Lease: time.Minute})
			file, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := readRecords(file, path, broker.restore); err != nil {
				b.Fatal(err)
			}
			file.Close()
		}
		if base > 0 {
			b.ReportMetric(perOp(b)/base, "×checksum")
		}
	})
}

// BenchmarkWebWhileWorkersAreBusy compares the web's 99th percentile, idle and
// with all workers at work, in processes of their own.
func BenchmarkWebWhileWorkersAreBusy(b *testing.B) {
	dir := b.TempDir()
	start := func(args ...string) *Process {
		p, err := Start(args...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(p.Kill)
		return p
	}
	broker := start("broker", "-addr", "127.0.0.1:0", "-data", filepath.Join(dir, "jobs"))
	web := start("web", "-addr", "127.0.0.1:0", "-broker", broker.URL)
	s := &System{web: web, jobs: NewClient(broker.URL, "")}
	idle := 0.0
	measure := func(b *testing.B) float64 {
		var all []time.Duration
		for b.Loop() {
			_, took := s.signUp(b.Context(), "ada@slow.test")
			all = append(all, took)
		}
		slices.Sort(all)
		p99 := float64(all[len(all)*99/100].Nanoseconds())
		b.ReportMetric(p99/1e6, "ms-p99")
		return p99
	}
	b.Run("idle", func(b *testing.B) { idle = measure(b) })
	start("worker", "-broker", broker.URL, "-mail", filepath.Join(dir, "mail"), "-concurrency", "4") // has enough to do now
	b.Run("saturated", func(b *testing.B) {
		p99 := measure(b)
		if idle > 0 {
			b.ReportMetric(p99/idle, "×idle")
		}
	})
}

// BenchmarkTwoWorkers compares one worker process with two, on work that waits.
func BenchmarkTwoWorkers(b *testing.B) {
	one := 0.0
	for workers := 1; workers <= 2; workers++ {
		b.Run(fmt.Sprint(workers), func(b *testing.B) {
			broker := benchBroker(b)
			defer broker.Close()
			const tasks = 40
			for b.Loop() {
				var group sync.WaitGroup
				ctx, cancel := context.WithCancel(b.Context())
				for range tasks {
					if _, err := broker.Enqueue(ctx, NewJob{Kind: "welcome-mail", Payload: payload("ada@example.com")}); err != nil {
						b.Fatal(err)
					}
				}
				var done sync.WaitGroup
				done.Add(tasks)
				for range workers {
					w := &Worker{Name: "w", Jobs: broker, Concurrency: 4, Beat: time.Second, Log: broker.log,
						Mux: Mux{"welcome-mail": func(ctx context.Context, _ *Task) error { sleep(ctx, 20*time.Millisecond); done.Done(); return nil }}}
					group.Go(func() { w.Run(ctx) })
				}
				done.Wait()
				cancel()
				group.Wait()
			}
			if workers == 1 {
				one = perOp(b)
			} else if one > 0 {
				b.ReportMetric(one/perOp(b), "×faster")
			}
		})
	}
}
