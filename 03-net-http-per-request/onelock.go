package main

import (
	"net/http"
	"sync"
)

// OneLock is WRONG for a web server. It is how a handler that "must be safe" is often mended: one
// lock around all of it. The data is safe now, and the server does one request at a time: whoever
// waits for a slow one waits with a goroutine of their own, but waits.
//
// A lock belongs around the few lines that touch shared data (counter.go), never around work
// that waits for something.
func OneLock(next http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		next.ServeHTTP(w, r)
	})
}
