package main

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"
)

// A Crowd is a number of goroutines that have started and are blocked, like
// those of idle connections in a web server. Only Alive may be called
// concurrently with the other methods.
type Crowd struct {
	alive   atomic.Int64
	members sync.WaitGroup
	leave   chan struct{} // closed by Leave

	threadEach bool // wrong on purpose: see NewThreadCrowd
}

// NewCrowd returns an empty crowd.
func NewCrowd() *Crowd { return &Crowd{leave: make(chan struct{})} }

// NewThreadCrowd returns a crowd in which each goroutine keeps an OS thread to
// itself. It is the wrong way to have many, because each then costs what a
// thread costs. Few programs need it at all: some C libraries and graphics
// systems do.
func NewThreadCrowd() *Crowd {
	c := NewCrowd()
	c.threadEach = true
	return c
}

// Grow starts goroutines until n are alive, and none if n already are. When
// all of them have started, it returns the time since it was called.
func (c *Crowd) Grow(n int) time.Duration {
	began := time.Now()
	var started sync.WaitGroup
	for range n - c.Alive() {
		started.Add(1)
		c.members.Go(func() {
			if c.threadEach {
				runtime.LockOSThread() // and never unlock
			}
			c.alive.Add(1)
			started.Done()
			<-c.leave // blocks until Leave closes it
			c.alive.Add(-1)
		})
	}
	started.Wait()
	return time.Since(began)
}

// Alive returns how many goroutines of the crowd have started and not ended.
func (c *Crowd) Alive() int { return int(c.alive.Load()) }

// Leave ends every goroutine of the crowd and returns when all have ended.
// Without it they leak; chapter 04 is about that. It is the last call: the crowd
// cannot grow again.
func (c *Crowd) Leave() {
	close(c.leave)
	c.members.Wait()
}

// memory returns how many bytes the stacks of all goroutines and the live
// objects on the heap occupy.
func memory() uint64 {
	runtime.GC()
	sample := []metrics.Sample{
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(sample)
	return sample[0].Value.Uint64() + sample[1].Value.Uint64()
}

// threads returns how many OS threads the Go runtime has.
func threads() int {
	sample := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
