package main

import "sync"

// Limited runs the tasks, up to limit at the same time. The channel is a
// counting semaphore: a send acquires one of its slots, a receive releases it. The
// slot is acquired before the go statement, so at most limit tasks have
// a goroutine.
func Limited(limit int, tasks []func()) {
	var group sync.WaitGroup
	slots := make(chan struct{}, limit)
	for _, task := range tasks {
		slots <- struct{}{} // before go
		group.Go(func() {
			defer func() { <-slots }()
			task()
		})
	}
	group.Wait()
}

// LimitedInside is wrong: it acquires the slot inside the goroutine. No more tasks
// run at the same time, but there is a goroutine for each, which holds what its
// task needs in memory while it waits for a slot.
func LimitedInside(limit int, tasks []func()) {
	var group sync.WaitGroup
	slots := make(chan struct{}, limit)
	for _, task := range tasks {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			task()
		})
	}
	group.Wait()
}
