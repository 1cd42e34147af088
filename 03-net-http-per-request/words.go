package main

import (
	"bufio"
	"encoding/json"
	"maps"
	"net/http"
	"sync"
)

// Words counts the words of all texts that clients send. Its handlers share it.
type Words struct {
	mu    sync.Mutex
	count map[string]int // guarded by mu
}

// NewWords returns an empty count.
func NewWords() *Words { return &Words{count: make(map[string]int)} }

// Add counts a word.
func (ws *Words) Add(word string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.count[word]++
}

// Copy returns a copy of the count, which belongs to the caller.
func (ws *Words) Copy() map[string]int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return maps.Clone(ws.count)
}

// Assigned is wrong: a map value is a reference, so counts is the same map as
// ws.count. The caller reads it when the lock is released.
func (ws *Words) Assigned() (counts map[string]int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	counts = ws.count
	return counts
}

// AddUnlocked is wrong: it does not lock. When two goroutines write to a map at
// the same time, the map may be corrupt afterwards. The runtime ends the process
// if it notices. This is a fatal error, not a panic: recover has no effect.
func (ws *Words) AddUnlocked(word string) {
	defer func() { recover() }()
	ws.count[word]++
}

// Count is a handler that passes each word of the request's body to add. It answers 400
// if the body cannot be read to its end, or has a word of more than 64 KB.
func Count(add func(word string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		words := bufio.NewScanner(r.Body)
		words.Split(bufio.ScanWords)
		for words.Scan() {
			add(words.Text())
		}
		if err := words.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
}

// Report is a handler that answers with the counts as JSON. It encodes them
// without a lock, since a client that reads slowly must not delay the others.
func Report(counts func() map[string]int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(counts())
	})
}
