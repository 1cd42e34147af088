package exercise

import (
	"errors"
	"sync"
)

// ErrInsufficient is the error of a transfer that the account cannot pay.
var ErrInsufficient = errors.New("insufficient funds")

// An Account holds the money of one customer. No two accounts have the same id.
type Account struct {
	id      int
	mu      sync.Mutex // guards balance
	balance int        // in cents
}

// NewAccount returns an account with a balance in cents.
func NewAccount(id, balance int) *Account { return &Account{id: id, balance: balance} }

// Balance returns the balance in cents.
func (a *Account) Balance() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balance
}

// Transfer moves cents between two different accounts and passes both changes to
// audit, which must not use the accounts. Any number of goroutines may call Transfer at
// the same time.
func Transfer(from, to *Account, cents int, audit func(id, change int)) error {
	// TODO: two customers pay each other, and both requests block forever.
	from.mu.Lock()
	defer from.mu.Unlock()
	if from.balance < cents {
		return ErrInsufficient
	}
	from.balance -= cents
	audit(from.id, -cents)
	to.mu.Lock()
	defer to.mu.Unlock()
	to.balance += cents
	audit(to.id, cents)
	return nil
}
