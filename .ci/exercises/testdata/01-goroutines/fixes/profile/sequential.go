// Fails with: LoadProfile took 3s, want 2s

package exercise

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
	if p.Orders, err = db.Orders(customer); err != nil {
		return Profile{}, err
	}
	if p.Reviews, err = db.Reviews(customer); err != nil {
		return Profile{}, err
	}
	return p, nil
}
