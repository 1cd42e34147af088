// Accepted: a mutex guards err, which keeps the first error

package exercise

import "sync"

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
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := func(e error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			err = e
		}
	}
	wg.Go(func() {
		orders, err := db.Orders(customer)
		p.Orders = orders
		failed(err)
	})
	wg.Go(func() {
		reviews, err := db.Reviews(customer)
		p.Reviews = reviews
		failed(err)
	})
	wg.Wait()
	if err != nil {
		return Profile{}, err
	}
	return p, nil
}
