package main

import "sync"

// CountShared is the wrong way: all goroutines add to one Total, and nothing
// orders them. That is a data race. The result is often right all the same,
// so a test of the result finds nothing; the race detector does.
func CountShared(logs ...[]int) Total {
	var all Total
	var wg sync.WaitGroup
	start := make(chan struct{}) // closed after the last goroutine is created: none can be done before
	for _, log := range logs {
		wg.Go(func() {
			<-start
			for _, bytes := range log {
				all.Add(bytes)
			}
		})
	}
	close(start)
	wg.Wait()
	return all
}
