package main

import (
	"fmt"
	"net/http"
	"time"
)

// Unflushed is wrong: it is Stream without Flush. Small events stay in the
// server's buffer of a few KB until it is full or the handler returns.
func Unflushed(events int, every time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range events {
			fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.RFC3339Nano))
			select {
			case <-time.After(every):
			case <-r.Context().Done():
				return
			}
		}
	})
}
