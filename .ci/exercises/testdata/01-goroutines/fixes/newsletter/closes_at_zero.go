// Fails with: deadlock: no goroutine can proceed, at newsletter.go:

package exercise

import (
	"log"
	"sync"
	"sync/atomic"
)

// A Newsletter sends emails in the background. Close it before the program ends.
type Newsletter struct {
	Send func(address string) error // connects to the mail server

	once     sync.Once
	inFlight atomic.Int64
	done     chan struct{}
}

// Deliver starts to send the newsletter to address. It does not block.
func (n *Newsletter) Deliver(address string) {
	n.once.Do(func() { n.done = make(chan struct{}) })
	n.inFlight.Add(1)
	go n.deliver(address)
}

func (n *Newsletter) deliver(address string) {
	defer func() {
		if n.inFlight.Add(-1) == 0 {
			close(n.done)
		}
	}()
	if err := n.Send(address); err != nil {
		log.Printf("newsletter to %s: %v", address, err)
	}
}

// Close blocks until Send has returned for every address that was passed to
// Deliver. Deliver must not be called after Close.
func (n *Newsletter) Close() {
	<-n.done
}
