package exercise_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	. "concurrency/02-channels/fixes"
)

func TestTransferInBothDirectionsDoesNotDeadlock(t *testing.T) {
	alone(t, "section 2.11: lock ordering", func(t *testing.T) {
		ada, bob := NewAccount(1, 100), NewAccount(2, 100)
		// The audit of a withdrawal is a meeting point. It blocks until the other transfer
		// has withdrawn as well, or cannot proceed because it waits for a lock.
		met := make(chan struct{})
		audit := func(_, change int) {
			if change < 0 {
				<-met
			}
		}
		var transfers sync.WaitGroup
		var err1, err2 error
		transfers.Go(func() { err1 = Transfer(ada, bob, 10, audit) })
		transfers.Go(func() { err2 = Transfer(bob, ada, 20, audit) })
		// The limit is for an answer that tries a lock again and again, and never blocks.
		for n := 0; n < 5000 && !blocked(stacks()); n++ {
			runtime.Gosched()
		}
		close(met)
		transfers.Wait()
		if err := errors.Join(err1, err2); err != nil {
			t.Errorf("Ada and Bob have 100 cents each; Ada pays 10 and Bob pays 20: got the error %v", err)
		}
		if a, b := ada.Balance(), bob.Balance(); a != 110 || b != 90 {
			t.Errorf("Ada and Bob have 100 cents each; Ada pays 10 and Bob pays 20: got %d and %d, want 110 and 90", a, b)
		}
	})
}

func TestTransferNeverOverdraws(t *testing.T) {
	alone(t, "section 2.8: check and change the balance in one critical section", func(t *testing.T) {
		for range 20 {
			ada, bob := NewAccount(1, 100), NewAccount(2, 0)
			var transfers sync.WaitGroup
			for range 2 {
				transfers.Go(func() { Transfer(ada, bob, 70, func(int, int) {}) })
			}
			transfers.Wait()
			if a, b := ada.Balance(), bob.Balance(); a != 30 || b != 70 {
				t.Fatalf("Ada has 100 cents and pays 70 twice at the same time: her balance is %d and Bob's is %d, want 30 and 70", a, b)
			}
		}
	})
}

func TestTransferMovesTheMoneyOnce(t *testing.T) {
	alone(t, "section 2.8: a mutex protects the balance in every method that uses it", func(t *testing.T) {
		for _, ids := range [][2]int{{1, 2}, {2, 1}} {
			from, to := NewAccount(ids[0], 100), NewAccount(ids[1], 0)
			changes := map[int]int{}
			if err := Transfer(from, to, 30, func(id, change int) { changes[id] += change }); err != nil {
				t.Fatalf("30 of 100 cents from account %d to account %d: %v", ids[0], ids[1], err)
			}
			if f, to := from.Balance(), to.Balance(); f != 70 || to != 30 {
				t.Fatalf("30 of 100 cents from account %d to account %d: the balances are %d and %d, want 70 and 30", ids[0], ids[1], f, to)
			}
			if changes[ids[0]] != -30 || changes[ids[1]] != 30 {
				t.Fatalf("30 cents from account %d to account %d: audit got the changes %v", ids[0], ids[1], changes)
			}
			err := Transfer(from, to, 71, func(int, int) { t.Error("audit is called for a transfer that is refused") })
			if f, to := from.Balance(), to.Balance(); !errors.Is(err, ErrInsufficient) || f != 70 || to != 30 {
				t.Fatalf("71 of 70 cents: got error %v and the balances %d and %d, want ErrInsufficient, 70 and 30", err, f, to)
			}
		}
	})
}

func TestTransferMayBeCalledConcurrently(t *testing.T) {
	alone(t, "section 2.8: a mutex protects the balance in every method that uses it", func(t *testing.T) {
		ada, bob, eve := NewAccount(3, 1000), NewAccount(1, 1000), NewAccount(2, 1000)
		none := func(int, int) {}
		var clients sync.WaitGroup
		for range 100 {
			for _, pair := range [][2]*Account{{ada, bob}, {bob, eve}, {eve, ada}, {bob, ada}} {
				clients.Go(func() { Transfer(pair[0], pair[1], 1, none) })
			}
		}
		clients.Wait()
		if total := ada.Balance() + bob.Balance() + eve.Balance(); total != 3000 {
			t.Errorf("after 400 concurrent transfers all accounts together have %d cents, want 3000", total)
		}
	})
}
