// Fails, interleaved, with: 8 goroutines call Publish at the same time: one of them blocks

package exercise

import (
	"sync"
)

// A Feed passes events on to its followers, one for each open page.
type Feed struct {
	mu        sync.RWMutex
	followers map[chan string]bool
}

// NewFeed returns a feed without followers.
func NewFeed() *Feed { return &Feed{followers: make(map[chan string]bool)} }

// Follow returns the events from now on. stop ends that, and closes events.
func (f *Feed) Follow() (events <-chan string, stop func()) {
	c := make(chan string, 8)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers[c] = true
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.followers[c] {
			delete(f.followers, c)
			close(c)
		}
	}
}

// Publish passes an event on to all followers, in order. A follower that is 8
// events behind misses this one; it gets later ones when it has caught up.
func (f *Feed) Publish(event string) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for c := range f.followers {
		if len(c) < cap(c) {
			c <- event
		}
	}
}
