package main

import (
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func benchBroker(b *testing.B, dir string) *Broker {
	broker, err := OpenBroker(dir, time.Minute, slog.New(slog.DiscardHandler))
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
			broker := benchBroker(b, b.TempDir())
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

// writeJournal writes a journal of waiting jobs.
func writeJournal(b *testing.B, path string, jobs int) {
	var records []byte
	now := time.Now()
	for i := range jobs {
		records = record(records, change{{number: uint64(i + 1), ID: fmt.Sprintf("%d-%s", i+1, rand.Text()), Kind: "welcome-mail",
			Payload: payload("ada@example.com"), Policy: Kinds["welcome-mail"], State: Queued, Created: now, Due: now}}.encode())
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

// BenchmarkReplay compares the start of a broker with reading and checksumming its
// journal, and measures the memory of a job that waits.
func BenchmarkReplay(b *testing.B) {
	const jobs = 1_000_000
	dir := b.TempDir()
	path := filepath.Join(dir, "journal")
	writeJournal(b, path, jobs)
	base := 0.0
	b.Run("checksum", func(b *testing.B) {
		for b.Loop() {
			file, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			checksum := crc32.New(castagnoli)
			if _, err := io.Copy(checksum, file); err != nil {
				b.Fatal(err)
			}
			file.Close()
		}
		base = perOp(b)
	})
	b.Run("records", func(b *testing.B) { // and no jobs
		for b.Loop() {
			data, err := os.ReadFile(path)
			if err == nil {
				_, err = readRecords(data, func([]byte) error { return nil })
			}
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(perOp(b)/base, "×checksum")
	})
	b.Run("replay", func(b *testing.B) {
		var broker *Broker
		before := inUse()
		for b.Loop() {
			broker = benchBroker(b, dir)
			broker.Close()
		}
		if base > 0 {
			b.ReportMetric(perOp(b)/base, "×checksum")
		}
		b.ReportMetric(float64(inUse()-before)/jobs, "B/waiting")
		runtime.KeepAlive(broker)
	})
}

// BenchmarkSignUps measures 64 clients that sign up at the same time, through a web
// process and a broker process.
func BenchmarkSignUps(b *testing.B) {
	_, web := startWeb(b)
	http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = 64
	left := make(chan struct{}, b.N)
	for range b.N {
		left <- struct{}{}
	}
	close(left)
	var group sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		group.Go(func() {
			for range left {
				r, err := http.Post(web.URL+"/signups", "application/json", strings.NewReader(`{"name":"Ada","email":"ada@example.com"}`))
				if err != nil {
					b.Error(err)
					return
				}
				if io.Copy(io.Discard, r.Body); r.Body.Close() != nil || r.StatusCode != http.StatusAccepted {
					b.Error("a sign-up was answered with ", r.Status)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sign-ups/s")
}

// startWeb starts a broker and a web server, each a process.
func startWeb(b *testing.B) (broker, web *Process) {
	start := func(args ...string) *Process {
		p, err := Start(args...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(p.Kill)
		return p
	}
	broker = start("broker", "-addr", "127.0.0.1:0", "-data", b.TempDir())
	return broker, start("web", "-addr", "127.0.0.1:0", "-broker", broker.URL)
}

// BenchmarkWebWhileWorkersAreBusy compares the 99th percentile of a sign-up's time,
// with idle and with busy workers, in processes of their own.
func BenchmarkWebWhileWorkersAreBusy(b *testing.B) {
	broker, web := startWeb(b)
	s := &System{site: NewClient(web.URL)}
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
	worker, err := Start("worker", "-broker", broker.URL, "-mail", b.TempDir(), "-concurrency", "4") // has enough to do now
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(worker.Kill)
	b.Run("saturated", func(b *testing.B) {
		p99 := measure(b)
		if idle > 0 {
			b.ReportMetric(p99/idle, "×idle")
		}
	})
}

// BenchmarkHeartbeatWhileClientsList measures a heartbeat, one each millisecond, while 100,000
// jobs wait and eight clients list 100 of them, again and again. (Without the pause between
// heartbeats the fast ones would be most of the sample.)
func BenchmarkHeartbeatWhileClientsList(b *testing.B) {
	broker := benchBroker(b, b.TempDir())
	defer broker.Close()
	var j *Job
	broker.locked(func(now time.Time) {
		broker.queue.Lease = time.Hour
		for range 100_000 {
			broker.queue.Add(NewJob{Kind: "newsletter", Payload: payload("ada@example.com"), Due: now}, now)
		}
		j = broker.queue.Next("w", allKinds, now)
	})
	api, stop := API(broker), make(chan struct{})
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					send(api, "GET", "/jobs", "")
				}
			}
		})
	}
	var all []time.Duration
	for b.Loop() {
		<-time.After(time.Millisecond)
		began := time.Now()
		if err := broker.Update(b.Context(), j.ID, Update{Token: j.Token, Event: Heartbeat}); err != nil {
			b.Fatal(err)
		}
		all = append(all, time.Since(began))
	}
	close(stop)
	clients.Wait()
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)*99/100].Nanoseconds())/1e6, "ms-p99")
}
