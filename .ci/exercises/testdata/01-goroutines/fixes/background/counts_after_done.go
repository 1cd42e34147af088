// Fails, interleaved, with: the only task panics: Wait returned 0, want 1

package exercise

import (
	"log"
	"sync"
	"sync/atomic"
)

// Background runs tasks that a request starts but does not wait for, such as a
// welcome email after a sign-up.
type Background struct {
	tasks  sync.WaitGroup
	failed atomic.Int64
}

// Run runs task in its own goroutine and does not block. A task that panics is
// logged and counted. The server and the other tasks go on.
func (b *Background) Run(task func()) {
	b.tasks.Add(1)
	go func() {
		defer b.recovered()
		defer b.tasks.Done()
		task()
	}()
}

// recovered must be deferred: it recovers the panic of the task, if there is one.
func (b *Background) recovered() {
	if v := recover(); v != nil {
		b.failed.Add(1)
		log.Printf("background task: panic: %v", v)
	}
}

// Wait blocks until all tasks have ended. It returns how many of them panicked.
func (b *Background) Wait() int {
	b.tasks.Wait()
	return int(b.failed.Load())
}
