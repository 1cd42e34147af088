// Fails with: another process credited the order between

package exercise

import (
	"sync"
)

// An Order is a job: its customer gets points for it. The queue delivers it at
// least once, sometimes to two workers at the same time.
type Order struct {
	ID       string
	Customer string
	Points   int
}

// A Store is a database. Update runs f in a transaction, one at a time, and commits
// it. If Update returns an error, or the process crashes before the commit, nothing
// that f wrote is kept.
type Store interface {
	Update(f func(tx Tx) error) error
}

// A Tx is a transaction.
type Tx interface {
	Done(order string) bool // whether MarkDone was called for this order, perhaps in an earlier transaction
	MarkDone(order string)
	AddPoints(customer string, points int)
}

// Credit gives a customer the points of an order exactly once, however often the order
// is delivered. If it returns an error, the order is delivered again.
var crediting sync.Mutex

func Credit(store Store, order Order) error {
	crediting.Lock()
	defer crediting.Unlock()
	var done bool
	err := store.Update(func(tx Tx) error {
		done = tx.Done(order.ID)
		return nil
	})
	if err != nil || done {
		return err
	}
	return store.Update(func(tx Tx) error {
		tx.AddPoints(order.Customer, order.Points)
		tx.MarkDone(order.ID)
		return nil
	})
}
