// Fails with: of Deliver blocked for 1s: the caller must not wait for the mail server

package exercise

import (
	"log"
	"sync"
)

// A Newsletter sends emails in the background. Close it before the program ends.
type Newsletter struct {
	Send func(address string) error // connects to the mail server

	once     sync.Once
	queue    chan string
	inFlight sync.WaitGroup
}

// Deliver starts to send the newsletter to address. It does not block.
func (n *Newsletter) Deliver(address string) {
	n.once.Do(func() {
		n.queue = make(chan string, 100)
		n.inFlight.Go(func() {
			for address := range n.queue {
				n.deliver(address)
			}
		})
	})
	n.queue <- address
}

func (n *Newsletter) deliver(address string) {
	if err := n.Send(address); err != nil {
		log.Printf("newsletter to %s: %v", address, err)
	}
}

// Close blocks until Send has returned for every address that was passed to
// Deliver. Deliver must not be called after Close.
func (n *Newsletter) Close() {
	if n.queue != nil {
		close(n.queue)
	}
	n.inFlight.Wait()
}
