package main

import (
	"net/http"
	"sync"
)

// OneLock is wrong for a web server: one lock around the whole handler. The shared
// data is safe, but the server runs one request at a time. Hold a lock only for
// the lines that use shared data (counter.go), and not during work that can block.
func OneLock(next http.Handler) http.Handler {
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		next.ServeHTTP(w, r)
	})
}
