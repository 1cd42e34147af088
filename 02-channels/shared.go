package main

import "sync"

// CountShared is the wrong way: all goroutines add to one Total, and nothing
// orders them. That is a data race. The result is often right all the same,
// so a test of the result finds nothing; the race detector does.
func CountShared(logs ...[]int) Total {
	var all Total
	var wg sync.WaitGroup
	for _, log := range logs {
		wg.Go(func() {
			for _, bytes := range log {
				all.Add(bytes)
			}
		})
	}
	wg.Wait()
	return all
}
