package main

import (
	"errors"
	"runtime"
	"sync"
)

// ErrInsufficient is the error of a withdrawal that exceeds the balance.
var ErrInsufficient = errors.New("insufficient funds")

// An Account is safe for concurrent use.
type Account struct {
	number  int // never changes; no two accounts have the same
	mu      sync.Mutex
	balance int // guarded by mu
}

// Balance returns the balance.
func (a *Account) Balance() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balanceLocked()
}

// balanceLocked is Balance for callers that hold a.mu.
func (a *Account) balanceLocked() int { return a.balance }

// Withdraw takes amount (0 or more) from the account, or returns ErrInsufficient.
func (a *Account) Withdraw(amount int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.balanceLocked() < amount {
		return ErrInsufficient
	}
	a.balance -= amount
	return nil
}

// WithdrawLockingTwice is wrong: Balance locks a.mu, which this goroutine holds
// already. A mutex has no owner, so Lock cannot know that. It blocks until
// another goroutine unlocks the mutex, and here none can.
func (a *Account) WithdrawLockingTwice(amount int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Balance() < amount {
		return ErrInsufficient
	}
	a.balance -= amount
	return nil
}

// ReadLockTwice is wrong in the same way, although several goroutines may hold a
// read lock. When a writer is waiting, RLock blocks, so that readers cannot keep
// the writer out forever (starvation). The writer waits for the first RLock, and
// the second RLock for the writer.
func ReadLockTwice() {
	var mu sync.RWMutex
	mu.RLock()
	go mu.Lock()
	for mu.TryRLock() { // false as soon as the writer waits
		mu.RUnlock()
		runtime.Gosched()
	}
	mu.RLock()
}
