//go:build ignore

package vetted

import "sync"

type hits struct {
	mu sync.Mutex
	n  int
}

// wrongHits has a copy of the struct, and so a mutex of its own that protects nothing.
func wrongHits(h hits) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}

func rightHits(h *hits) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n
}
