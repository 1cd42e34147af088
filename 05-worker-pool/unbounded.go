package main

import "sync"

// Unbounded is a wrong queue: Submit never waits and never refuses. When tasks
// come faster than they are done it grows, until the memory is full. Everything
// in it is then lost, and long before that so old that nobody waits for it.
type Unbounded[T any] struct {
	mu    sync.Mutex
	tasks []T // guarded by mu
}

// Submit always takes the task.
func (q *Unbounded[T]) Submit(task T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tasks = append(q.tasks, task)
}

// Next returns the oldest task, if there is any.
func (q *Unbounded[T]) Next() (task T, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.tasks) == 0 {
		return task, false
	}
	task, q.tasks = q.tasks[0], q.tasks[1:]
	return task, true
}

// Len returns how many tasks wait.
func (q *Unbounded[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.tasks)
}
