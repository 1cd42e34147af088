// Fails with: but the log contains it 0 times

package exercise

import (
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
			if recover() != nil {
				b.failed.Add(1)
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
