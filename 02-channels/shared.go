package main

import "sync"

// CountShared is the wrong way: all goroutines add to one Total, and nothing
// orders them. Often the sum is right all the same, which is the worst of it:
// only the race detector is sure to notice.
func CountShared(logs ...[]int) Total {
	var all Total
	var counting sync.WaitGroup
	start := make(chan struct{}) // closed when all are there, so that none is done before another begins
	for _, log := range logs {
		counting.Go(func() {
			<-start
			for _, bytes := range log {
				all.Add(bytes)
			}
		})
	}
	close(start)
	counting.Wait()
	return all
}
