package main

import (
	"fmt"
	"net/http"
	"time"
)

// Unflushed is WRONG: it is Stream without Flush. Its events are small, so they all stay in the
// server's buffer until the handler returns (or some KB have come together). The client, which
// was promised news as it happens, gets nothing, and then everything.
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
