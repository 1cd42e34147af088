// Fails with: its channel was closed, but its stop was not called

package exercise

import "sync"

// A Feed passes events on to its followers, one for each open page.
type Feed struct {
	mu        sync.Mutex // guards followers
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
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.followers {
		select {
		case c <- event:
		default:
			delete(f.followers, c)
			close(c)
		}
	}
}
