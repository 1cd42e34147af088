package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Stream is a handler that sends the time at intervals, as server-sent events,
// which a browser's EventSource reads. Each client has its own goroutine here, so
// the code is sequential. When the client leaves, the handler returns.
func Stream(events int, every time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Method == http.MethodHead {
			return // its client may send the next request now: over HTTP/1.1 net/http would not notice that it leaves
		}
		out := http.NewResponseController(w)
		for range events {
			fmt.Fprintf(w, "data: %s\n\n", time.Now().Format(time.RFC3339Nano))
			// The event is in a buffer. Flush sends it now.
			if err := out.Flush(); err != nil {
				return // not supported, or the client has left
			}
			select {
			case <-time.After(every):
			case <-r.Context().Done():
				return
			}
		}
	})
}

// Event is one event of a stream: when the server wrote it and when its client had read it.
type Event struct{ Written, Read time.Time }

// Follow reads a stream to its end. It returns an error if the connection is
// closed before the response is complete.
func Follow(ctx context.Context, client *http.Client, url string) ([]Event, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	var events []Event
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue // the empty line that ends an event
		}
		written, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return events, err
		}
		events = append(events, Event{written, time.Now()})
	}
	return events, lines.Err()
}
