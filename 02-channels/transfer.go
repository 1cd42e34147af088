package main

import "sync"

// Transfer moves amount (0 or more) between two different accounts, or returns
// ErrInsufficient. All transfers lock the account with the lower number first
// (lock ordering), so that goroutines cannot block one another in a cycle.
func Transfer(from, to *Account, amount int) error {
	first, second := from, to
	if second.number < first.number {
		first, second = second, first
	}
	first.mu.Lock()
	defer first.mu.Unlock()
	second.mu.Lock()
	defer second.mu.Unlock()
	if from.balanceLocked() < amount {
		return ErrInsufficient
	}
	from.balance -= amount
	to.balance += amount
	return nil
}

// TransferUnordered is wrong: it locks from first. Of two concurrent transfers
// in opposite directions each can lock its first account, and then each blocks
// until the other unlocks: a deadlock. Between is called between the two locks:
// if the transfers meet there, they deadlock in every run, and not in a few.
func TransferUnordered(from, to *Account, amount int, between func()) error {
	from.mu.Lock()
	defer from.mu.Unlock()
	between()
	to.mu.Lock()
	defer to.mu.Unlock()
	if from.balanceLocked() < amount {
		return ErrInsufficient
	}
	from.balance -= amount
	to.balance += amount
	return nil
}

func transferBothWays() {
	a, b := &Account{number: 1, balance: 100}, &Account{number: 2, balance: 100}
	var met, done sync.WaitGroup
	met.Add(2)
	meet := func() { met.Done(); met.Wait() }
	done.Go(func() { TransferUnordered(a, b, 10, meet) })
	done.Go(func() { TransferUnordered(b, a, 10, meet) })
	done.Wait()
}
