package main

import (
	"context"
	"sync"
	"time"
)

// atMostFour limits concurrency: 4 tasks at the same time.
func atMostFour(tasks []func()) { Limited(4, tasks) }

// perSecond limits the rate: a task begins every 10 ms.
func perSecond(tasks []func()) {
	var group sync.WaitGroup
	b := &Bucket{Interval: 10 * time.Millisecond, Burst: 1}
	for _, task := range tasks {
		if b.Take(context.Background()) != nil {
			break
		}
		group.Go(task)
	}
	group.Wait()
}

func measureLimit(n int, each time.Duration, limit func([]func())) (peak int, took time.Duration) {
	var lanes Lanes
	tasks := make([]func(), n)
	for i := range tasks {
		tasks[i] = func() { defer lanes.Enter()(); time.Sleep(each) }
	}
	began := time.Now()
	limit(tasks)
	return lanes.Peak(), time.Since(began)
}
