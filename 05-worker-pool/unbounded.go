package main

import "sync"

// Unbounded is a wrong queue: Submit never blocks and never refuses. If tasks
// arrive faster than they are done, the queue grows until the memory is full. Then
// every task in it is lost; long before, its tasks are so old that their callers
// have left.
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

// Len returns how many tasks are in the queue.
func (q *Unbounded[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.tasks)
}
