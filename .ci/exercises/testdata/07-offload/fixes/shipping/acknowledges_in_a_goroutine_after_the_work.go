// Fails with: but had neither acknowledged nor released order 1

package exercise

import "log"

// A Queue has the orders that are to be shipped.
type Queue interface {
	// Receive returns the next order, or ok == false when the worker must end.
	Receive() (order string, ok bool)
	// Ack acknowledges an order: the queue deletes it. An order that is received but
	// not acknowledged is delivered again after a crash of the worker.
	Ack(order string)
	// Release puts an order back: it is delivered again.
	Release(order string)
}

// Shipping is a worker: it ships the orders of the queue, one at a time. An order
// whose ship returns an error goes back to the queue.
func Shipping(q Queue, ship func(order string) error) {
	for {
		order, ok := q.Receive()
		if !ok {
			return
		}
		if err := ship(order); err != nil {
			log.Printf("order %s: %v", order, err)
			q.Release(order)
			continue
		}
		go q.Ack(order)
	}
}
