package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestEveryTallyCountsRight has goroutines count to the same number in four
// ways (claim 2.8). The race detector would report a fifth, without a lock.
func TestEveryTallyCountsRight(t *testing.T) {
	channel := NewChannelTally()
	defer channel.Stop()
	for name, tally := range map[string]Tally{
		"AtomicTally": new(AtomicTally), "MutexTally": new(MutexTally), "RWMutexTally": new(RWMutexTally), "ChannelTally": channel,
	} {
		start := make(chan struct{})
		var two sync.WaitGroup // that only the tally orders
		two.Go(func() { <-start; tally.Add() })
		two.Go(func() { <-start; tally.Total() })
		close(start)
		two.Wait()
		Concurrently(8, 500, func() {
			tally.Add()
			if n := tally.Total(); n < 2 || n > 4001 { // concurrently with Add
				t.Errorf("%s: the total is %d while 8 goroutines add 500 each", name, n)
			}
		})
		if got := tally.Total(); got != 4001 {
			t.Errorf("%s: a goroutine added 1 and then 8 added 500 each; the total is %d", name, got)
		}
	}
}

// TestNoAddIsLost has two goroutines meet before each hundred adds, until a thousand
// adds have overlapped: a load and a store in two operations would lose some of them
// (claim 2.8). On a single CPU the adds hardly ever overlap: the rounds are limited.
func TestNoAddIsLost(t *testing.T) {
	const each, enough = 100, 1000
	rounds := int64(50_000)
	if runtime.GOMAXPROCS(0) == 1 {
		rounds = 100
	}
	var tally AtomicTally
	var met, overlapped, added atomic.Int64
	add := func() {
		for round := range rounds {
			met.Add(1)
			for spin := 1; met.Load() < 2*(round+1); spin++ {
				if spin%10_000 == 0 { // both may be on one CPU
					runtime.Gosched()
				}
			}
			if overlapped.Load() >= enough {
				met.Add(rounds) // the other goroutine may have seen fewer, and need not wait
				return
			}
			for range each {
				before := tally.Total()
				if tally.Add(); tally.Total() > before+1 { // the other goroutine has added, too
					overlapped.Add(1)
				}
			}
			added.Add(each)
		}
	}
	var both sync.WaitGroup
	both.Go(add)
	both.Go(add)
	both.Wait()
	t.Logf("%d adds, %d of them overlapped", added.Load(), overlapped.Load())
	if got := tally.Total(); int64(got) != added.Load() {
		t.Errorf("2 goroutines added %d; the total is %d: Add is not one operation", added.Load(), got)
	}
}

// TestLockExcludesOtherGoroutines tries to enter a critical section that another
// goroutine is in (claim 2.8): Lock excludes all, RLock excludes writers only.
func TestLockExcludesOtherGoroutines(t *testing.T) {
	var mutex MutexTally
	mutex.mu.Lock()
	if mutex.mu.TryLock() {
		t.Error("a locked Mutex was locked again: two goroutines are in the critical section")
	}
	var rw RWMutexTally
	rw.mu.Lock()
	if rw.mu.TryRLock() {
		t.Error("a reader got in while a writer holds the RWMutex")
	}
	rw.mu.Unlock()
	rw.mu.RLock()
	if rw.mu.TryLock() {
		t.Error("a writer got in while a reader holds the RWMutex")
	}
	if !rw.mu.TryRLock() {
		t.Error("a second reader did not get in while one reads")
	}
}

// TestReadersOverlapOnAnRWMutex reads while another goroutine reads; with a
// Mutex the second read would block forever (claim 2.8).
func TestReadersOverlapOnAnRWMutex(t *testing.T) {
	rw := RWMutexTally{n: 7}
	rw.mu.RLock()
	defer rw.mu.RUnlock()
	total := make(chan int, 1)
	go func() { total <- rw.Total() }()
	for len(total) == 0 {
		if blockedInLock(".(*RWMutexTally).Total(") > 0 {
			t.Fatal("a read is blocked in Lock while another goroutine reads")
		}
		runtime.Gosched()
	}
	if got := <-total; got != 7 {
		t.Errorf("the total is %d, want 7", got)
	}
}

// TestStopEndsTheOwner stops a ChannelTally. The bubble ends only if its
// goroutine has ended, too.
func TestStopEndsTheOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tally := NewChannelTally()
		tally.Add()
		if got := tally.Total(); got != 1 {
			t.Errorf("the total is %d, want 1", got)
		}
		total, added := make(chan int, 1), make(chan bool, 1)
		tally.Stop()
		go func() { total <- tally.Total() }()
		go func() { tally.Add(); added <- true }()
		time.Sleep(24 * time.Hour)
		if len(total)+len(added) > 0 {
			t.Fatal("Add or Total returned without the owner")
		}
		<-tally.adds // in the owner's place
		tally.totals <- 7
		if n := <-total; n != 7 {
			t.Errorf("the owner sent 7, and Total returned %d", n)
		}
		select {
		case tally.adds <- struct{}{}:
			t.Error("Add proceeded after Stop; it should block")
		case n := <-tally.totals:
			t.Errorf("Total returned %d after Stop; it should block", n)
		default:
		}
	})
}

// TestConcurrentlyReturnsTheTimePerCall measures 3 goroutines that sleep twice, in fake time.
func TestConcurrentlyReturnsTheTimePerCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		each := Concurrently(3, 2, func() { time.Sleep(time.Minute) })
		if all := time.Since(began); each != 20*time.Second || all != 2*time.Minute {
			t.Errorf("3 goroutines slept for 1 minute twice, in %v: %v per call, want 2m0s and 20s", all, each)
		}
	})
}

// BenchmarkUnbufferedSend sends to a goroutine that receives.
func BenchmarkUnbufferedSend(b *testing.B) { benchmarkSend(b, 0) }

// BenchmarkBufferedSend does the same with a buffer of 64.
func BenchmarkBufferedSend(b *testing.B) { benchmarkSend(b, 64) }

func benchmarkSend(b *testing.B, capacity int) {
	c := make(chan int, capacity)
	drained := make(chan int)
	go func() { drained <- Drain(c) }()
	for b.Loop() {
		c <- 1
	}
	close(c)
	<-drained
}

// BenchmarkAdd adds to each tally from one goroutine, and from several per CPU.
func BenchmarkAdd(b *testing.B) { benchmarkTally(b, Tally.Add) }

// BenchmarkRead reads each tally in the same ways.
func BenchmarkRead(b *testing.B) { benchmarkTally(b, func(t Tally) { t.Total() }) }

func benchmarkTally(b *testing.B, use func(Tally)) {
	channel := NewChannelTally()
	defer channel.Stop()
	for _, way := range []struct {
		name  string
		tally Tally
	}{{"atomic", new(AtomicTally)}, {"Mutex", new(MutexTally)}, {"RWMutex", new(RWMutexTally)}, {"channel", channel}} {
		b.Run(way.name+"/goroutines=1", func(b *testing.B) {
			for b.Loop() {
				use(way.tally)
			}
		})
		for _, perCPU := range []int{1, 16} {
			b.Run(way.name+map[int]string{1: "/goroutines=CPUs", 16: "/goroutines=16xCPUs"}[perCPU], func(b *testing.B) {
				b.SetParallelism(perCPU)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						use(way.tally)
					}
				})
			})
		}
	}
}
