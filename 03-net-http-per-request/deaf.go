package main

import (
	"fmt"
	"net/http"
	"time"
)

// Deaf is WRONG: it does the work of Listening and never looks at r.Context(). Nobody stops a
// goroutine from outside, so it works on to the end for a client that has long gone.
func Deaf(pieces int, each time.Duration, done func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range pieces {
			time.Sleep(each)
			done()
		}
		fmt.Fprintln(w, "all done") // into a closed connection; not even an error is noticed
	})
}
