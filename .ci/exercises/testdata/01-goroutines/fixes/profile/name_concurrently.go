// Fails with: LoadProfile took 1s, want 2s: the name first

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
	var p Profile
	var errs [3]error
	var wg sync.WaitGroup
	wg.Go(func() { p.Name, errs[0] = db.Name(customer) })
	wg.Go(func() { p.Orders, errs[1] = db.Orders(customer) })
	wg.Go(func() { p.Reviews, errs[2] = db.Reviews(customer) })
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return Profile{}, err
	}
	return p, nil
}
