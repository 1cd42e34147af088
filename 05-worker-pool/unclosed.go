package main

import "sync"

// DoAndForget is a wrong pool: it waits for the tasks, but does not close its
// channel. All the work is done, and then every worker blocks forever in its receive.
// In a server each request leaks the goroutines of its workers.
func DoAndForget[T any](workers int, tasks []T, do func(T)) {
	c := make(chan T)
	var done sync.WaitGroup
	for range workers {
		go forgottenWorker(c, &done, do)
	}
	for _, task := range tasks {
		done.Add(1)
		c <- task
	}
	done.Wait()
	// close(c) is missing here.
}

func forgottenWorker[T any](c <-chan T, done *sync.WaitGroup, do func(T)) {
	for task := range c {
		do(task)
		done.Done()
	}
}
