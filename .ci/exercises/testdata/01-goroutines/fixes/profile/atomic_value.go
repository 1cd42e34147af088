// Fails with: store of inconsistently typed value

package exercise

import (
	"sync"
	"sync/atomic"
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

	var failed atomic.Value // error
	var wg sync.WaitGroup
	wg.Go(func() {
		var err error
		if p.Orders, err = db.Orders(customer); err != nil {
			failed.Store(err)
		}
	})
	wg.Go(func() {
		var err error
		if p.Reviews, err = db.Reviews(customer); err != nil {
			failed.Store(err)
		}
	})
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return Profile{}, err
	}
	return p, nil
}
