package main

import "sync/atomic"

// meeting returns a function that blocks, the first n times it is called, until
// it has been called n times.
func meeting(n int) func() {
	var here atomic.Int64
	complete := make(chan struct{})
	return func() {
		if here.Add(1) == int64(n) {
			close(complete)
		}
		<-complete
	}
}
