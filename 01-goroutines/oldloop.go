//go:build go1.21

// The line above makes the compiler treat this file as Go 1.21, in which all
// iterations of a loop share one variable. A go.mod that says 1.21 or less does
// the same to a whole module.

package main

import "sync"

// OldLoopVariables is the wrong way in Go 1.21: all iterations share one i. The
// tasks run after the loop, so that all of them see its last value, n. If they
// ran during the loop, that would be a data race.
func OldLoopVariables(n int) []int {
	seen := make(chan int, n)
	var tasks []func()
	for i := 0; i < n; i++ {
		tasks = append(tasks, func() { seen <- i })
	}
	var wg sync.WaitGroup
	wg.Add(n)
	for _, task := range tasks {
		go func(task func()) { // a parameter: task is shared in this version, too
			defer wg.Done()
			task()
		}(task)
	}
	wg.Wait()
	return sorted(seen)
}
