package main

import (
	"fmt"
	"net/http"
	"time"
)

// Ignoring is wrong: it does the work of Observing without a look at r.Context().
// No goroutine can be stopped from outside, so it does all of its work, although
// the client has left.
func Ignoring(pieces int, each time.Duration, done func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			time.Sleep(each)
			done()
		}
		fmt.Fprintln(w, "all done") // no error: it goes into a buffer
	})
}
