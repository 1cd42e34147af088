// Fails, interleaved, with: negative WaitGroup counter

package exercise

import (
	"log"
	"sync"
)

// A Newsletter sends emails in the background. Close it before the program ends.
type Newsletter struct {
	Send func(address string) error // connects to the mail server

	inFlight sync.WaitGroup
}

// Deliver starts to send the newsletter to address. It does not block.
func (n *Newsletter) Deliver(address string) {
	go n.deliver(address)
	n.inFlight.Add(1)
}

func (n *Newsletter) deliver(address string) {
	defer n.inFlight.Done()
	if err := n.Send(address); err != nil {
		log.Printf("newsletter to %s: %v", address, err)
	}
}

// Close blocks until Send has returned for every address that was passed to
// Deliver. Deliver must not be called after Close.
func (n *Newsletter) Close() {
	n.inFlight.Wait()
}
