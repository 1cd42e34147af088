package main

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// A Hub passes each event on to all subscribers. A subscriber that is too slow is
// dropped, so that it delays neither the publisher nor the other subscribers.
type Hub struct {
	buffer      int
	mu          sync.Mutex
	subscribers map[chan string]bool // guarded by mu; nil after Close
}

// NewHub returns a hub whose subscribers may each be up to buffer events behind.
func NewHub(buffer int) *Hub {
	return &Hub{buffer: buffer, subscribers: make(map[chan string]bool)}
}

// Subscribe returns a channel with the events from now on. The hub closes it
// when the subscriber is dropped, when it calls unsubscribe, and on Close.
func (h *Hub) Subscribe() (events <-chan string, unsubscribe func()) {
	c := make(chan string, h.buffer)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.subscribers == nil {
		close(c)
	} else {
		h.subscribers[c] = true
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.dropLocked(c)
	}
}

// dropLocked closes c, if it has not been closed. The caller holds h.mu, so no
// other goroutine sends to c.
func (h *Hub) dropLocked(c chan string) {
	if h.subscribers[c] {
		delete(h.subscribers, c)
		close(c)
	}
}

// Publish passes an event on and does not block: a subscriber whose buffer is
// full is dropped.
func (h *Hub) Publish(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subscribers {
		select {
		case c <- event:
		default:
			h.dropLocked(c)
		}
	}
}

// Close drops all subscribers. Later ones get a channel that is closed. Register
// it with http.Server.RegisterOnShutdown (claim 3.15).
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subscribers {
		h.dropLocked(c)
	}
	h.subscribers = nil
}

// ServeHTTP streams the events to one client until the client leaves, a write blocks for 2 s
// (the client does not read, and the connection's buffers are full), or the hub closes its
// channel. A browser's EventSource then connects again. A HEAD request gets only the header.
func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return // see Stream
	}
	events, unsubscribe := h.Subscribe()
	defer unsubscribe()
	out := http.NewResponseController(w)
	// Without a deadline a client that does not read would keep this goroutine and delay Shutdown.
	limit := func() { out.SetWriteDeadline(time.Now().Add(2 * time.Second)) }
	defer limit() // for the end of the response
	for next := ""; ; {
		limit()
		io.WriteString(w, next)
		if out.Flush() != nil { // the first time it sends the header
			return
		}
		out.SetWriteDeadline(time.Time{}) // over HTTP/2 a deadline that passes resets the stream, even if nothing is written
		select {
		case event, ok := <-events:
			if !ok {
				return
			}
			next = "data: " + dataLines.Replace(event) + "\n\n" // or a line of it could be another event
		case <-r.Context().Done():
			return
		}
	}
}

// dataLines begins each line of an event with the name of its field. Server-sent events have
// three line endings.
var dataLines = strings.NewReplacer("\r\n", "\ndata: ", "\n", "\ndata: ", "\r", "\ndata: ")

// PublishLocked is wrong: it sends with the lock held, and without a default. One
// subscriber with a full buffer blocks it, and with it every call of the hub that
// needs the lock.
func (h *Hub) PublishLocked(event string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.subscribers {
		c <- event
	}
}
