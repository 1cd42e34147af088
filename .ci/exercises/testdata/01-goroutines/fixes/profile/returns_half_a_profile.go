// Fails with: want an empty Profile

package exercise

import (
	"errors"
	"sync"
)

// A Profile is what the account page of a web shop shows about a customer.
type Profile struct {
	Name    string
	Orders  []string
	Reviews []string
}

// A Store reads from the shop's database.
type Store interface {
	Name(customer int) (string, error)
	Orders(customer int) ([]string, error)
	Reviews(customer int) ([]string, error)
}

// LoadProfile reads the name first, then the orders and the reviews at the same
// time. If any of the three fails, it returns an empty Profile and the error.
func LoadProfile(db Store, customer int) (Profile, error) {
	name, err := db.Name(customer)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{Name: name}
	var ordersErr, reviewsErr error // one for each goroutine
	var wg sync.WaitGroup
	wg.Go(func() { p.Orders, ordersErr = db.Orders(customer) })
	wg.Go(func() { p.Reviews, reviewsErr = db.Reviews(customer) })
	wg.Wait()
	if err := errors.Join(ordersErr, reviewsErr); err != nil {
		return p, err
	}
	return p, nil
}
