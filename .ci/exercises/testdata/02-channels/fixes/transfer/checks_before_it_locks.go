// Fails, interleaved, with: Ada has 100 cents and pays 70 twice at the same time: her balance is -40

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
// audit. It may be called by any number of goroutines at the same time.
func Transfer(from, to *Account, cents int, audit func(id, change int)) error {
	if from.Balance() < cents {
		return ErrInsufficient
	}
	first, second := from, to
	if first.id > second.id {
		first, second = second, first
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	from.balance -= cents
	audit(from.id, -cents)
	to.balance += cents
	audit(to.id, cents)
	return nil
}
