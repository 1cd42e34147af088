// Accepted: a list of channels under a mutex instead of a WaitGroup

package exercise

import (
	"log"
	"sync"
)

// A Newsletter sends emails in the background. Close it before the program ends.
type Newsletter struct {
	Send func(address string) error // connects to the mail server

	mu       sync.Mutex
	inFlight []chan struct{} // one for each email, closed when Send has returned
}

// Deliver starts to send the newsletter to address. It does not block.
func (n *Newsletter) Deliver(address string) {
	sent := make(chan struct{})
	n.mu.Lock()
	n.inFlight = append(n.inFlight, sent)
	n.mu.Unlock()
	go func() {
		defer close(sent)
		if err := n.Send(address); err != nil {
			log.Printf("newsletter to %s: %v", address, err)
		}
	}()
}

// Close blocks until Send has returned for every address that was passed to
// Deliver. Deliver must not be called after Close.
func (n *Newsletter) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sent := range n.inFlight {
		<-sent
	}
}
