// Fails with: Wait blocks until Done was called as often as Add

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
	n.inFlight.Add(1)
	go n.deliver(address)
}

func (n *Newsletter) deliver(address string) {
	if err := n.Send(address); err != nil {
		log.Printf("newsletter to %s: %v", address, err)
		return
	}
	n.inFlight.Done()
}

// Close blocks until Send has returned for every address that was passed to
// Deliver. Deliver must not be called after Close.
func (n *Newsletter) Close() {
	n.inFlight.Wait()
}
