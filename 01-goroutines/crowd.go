package main

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// A Crowd is a number of goroutines that have started and wait, as thousands
// of idle connections do in a web server. One goroutine owns the crowd: its
// methods must not be called at the same time, except Alive.
type Crowd struct {
	alive   atomic.Int64
	members sync.WaitGroup
	leave   chan struct{} // nothing is sent on it; it is closed to let everyone go

	threadEach bool // wrong on purpose: see NewThreadCrowd
}

// NewCrowd returns an empty crowd.
func NewCrowd() *Crowd { return &Crowd{leave: make(chan struct{})} }

// NewThreadCrowd returns a crowd in which each goroutine keeps an OS thread to
// itself. This is the wrong way to have many: it brings back the price that
// goroutines were made to avoid. Few programs need it at all (some C libraries
// and some graphics systems do).
func NewThreadCrowd() *Crowd {
	c := NewCrowd()
	c.threadEach = true
	return c
}

// Grow starts goroutines until n are alive. It returns when every one of them
// has run, with the time that took.
func (c *Crowd) Grow(n int) time.Duration {
	began := time.Now()
	var started sync.WaitGroup // they have begun; members: they have ended
	for range n - c.Alive() {
		started.Add(1)
		c.members.Go(func() {
			if c.threadEach {
				runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			}
			c.alive.Add(1)
			started.Done()
			<-c.leave // waits until Leave closes it: that costs memory, but no processor and no thread
			c.alive.Add(-1)
		})
	}
	started.Wait()
	return time.Since(began)
}

// Alive returns how many goroutines of the crowd have started and not ended.
func (c *Crowd) Alive() int { return int(c.alive.Load()) }

// Leave lets every goroutine of the crowd end and returns when all have. A
// crowd that nobody tells to leave would be a leak: chapter 04 is about those.
func (c *Crowd) Leave() {
	close(c.leave)
	c.members.Wait()
}

// memory returns how many bytes the stacks of all goroutines and the objects
// on the heap take up now, garbage not counted.
func memory() uint64 {
	runtime.GC()
	sample := []metrics.Sample{
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(sample)
	return sample[0].Value.Uint64() + sample[1].Value.Uint64()
}

// threads returns how many OS threads the Go runtime has now.
func threads() int {
	sample := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
