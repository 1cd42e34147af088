// Fails with: data race: two goroutines access the same memory concurrently

package exercise

import (
	"log"
	"sync"
)

// Background runs tasks that a request starts but does not wait for, such as a
// welcome email after a sign-up.
type Background struct {
	tasks  sync.WaitGroup
	failed int
}

// Run runs task in its own goroutine and does not block. A task that panics is
// logged and counted. The server and the other tasks go on.
func (b *Background) Run(task func()) {
	b.tasks.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				b.failed++
				log.Printf("background task: panic: %v", v)
			}
		}()
		task()
	})
}

// Wait blocks until all tasks have ended. It returns how many of them panicked.
func (b *Background) Wait() int {
	b.tasks.Wait()
	return b.failed
}
