// Fails with: an unrecovered panic ended the whole program: assignment to entry in nil map

package exercise

import (
	"log"
	"runtime"
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
	b.tasks.Go(func() {
		defer func() {
			v := recover()
			if _, ok := v.(runtime.Error); ok {
				panic(v)
			}
			if v != nil {
				b.failed.Add(1)
				log.Printf("background task: panic: %v", v)
			}
		}()
		task()
	})
}

// Wait blocks until all tasks have ended. It returns how many of them panicked.
func (b *Background) Wait() int {
	b.tasks.Wait()
	return int(b.failed.Load())
}
