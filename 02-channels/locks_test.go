package main

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// deadlocks runs a role and requires that the runtime reports a deadlock, with
// goroutines blocked in the given states.
func deadlocks(t *testing.T, role string, states ...string) {
	t.Helper()
	out, status, err := runRoleOf(withoutRaceDetector(t), role, "")
	t.Logf("exit status %d\n%s", status, out)
	if status != 2 || err != nil || !strings.HasPrefix(out, allAsleep) {
		t.Errorf("got exit status %d, %v; want 2 and %q", status, err, allAsleep)
	}
	for _, state := range states {
		if !strings.Contains(out, state) {
			t.Errorf("no goroutine is in the state %s", state)
		}
	}
}

// TestHelperForLockedStateDoesNotLock withdraws with one Lock (claim 2.10).
func TestHelperForLockedStateDoesNotLock(t *testing.T) {
	a := &Account{balance: 100}
	done := make(chan error, 1)
	go func() { done <- a.Withdraw(70) }()
	for len(done) == 0 {
		if blockedInLock(".(*Account).Withdraw(") > 0 {
			t.Fatal("Withdraw is blocked in Lock, and no other goroutine uses the account")
		}
		runtime.Gosched()
	}
	if err := <-done; err != nil || a.Balance() != 30 {
		t.Errorf("after a withdrawal of 70 of 100: error %v, balance %d", err, a.Balance())
	}
	if err := a.Withdraw(31); !errors.Is(err, ErrInsufficient) || a.Balance() != 30 {
		t.Errorf("a withdrawal of 31 of 30: error %v, balance %d; want %v, 30", err, a.Balance(), ErrInsufficient)
	}
	shared := &Account{balance: 1000}
	Concurrently(4, 250, func() { shared.Withdraw(1) })
	if shared.Balance() != 0 {
		t.Errorf("4 goroutines withdrew all of 1000; the balance is %d", shared.Balance())
	}
}

// TestCheckAndWithdrawalAreOneCriticalSection has two goroutines withdraw the last unit, and
// two goroutines add to a tally (claims 2.10 and 2.8).
func TestCheckAndWithdrawalAreOneCriticalSection(t *testing.T) {
	for range 20 {
		a, mutex, rw := &Account{balance: 1}, new(MutexTally), new(RWMutexTally)
		if twice(&a.mu, ".(*Account).Withdraw(", func() { a.Withdraw(1) }); a.Balance() != 0 {
			t.Fatalf("two goroutines withdrew 1 of 1; the balance is %d, want 0: check and withdrawal were two critical sections", a.Balance())
		}
		twice(&mutex.mu, ".(*MutexTally).Add(", mutex.Add)
		twice(&rw.mu, ".(*RWMutexTally).Add(", rw.Add)
		if mutex.Total() != 2 || rw.Total() != 2 {
			t.Fatalf("two goroutines added 1 to each tally; the totals are %d (MutexTally) and %d (RWMutexTally), want 2: load and store were two critical sections", mutex.Total(), rw.Total())
		}
	}
}

// twice has two goroutines call f while mu is locked. When a goroutine that has waited for
// more than 1 ms finds the mutex locked again, the mutex is passed on in the order of arrival:
// with two critical sections in f, both goroutines are in the first one before one of
// them is in the second.
func twice(mu sync.Locker, call string, f func()) {
	var returned atomic.Int64
	bothBlocked := func() {
		for returned.Load() == 0 && blockedInLock(call) < 2 {
			runtime.Gosched()
		}
	}
	mu.Lock()
	var done sync.WaitGroup
	for range 2 {
		done.Go(func() { f(); returned.Add(1) })
	}
	bothBlocked()
	time.Sleep(2 * time.Millisecond)
	mu.Unlock()
	mu.Lock() // usually before the goroutine that Unlock has woken
	bothBlocked()
	mu.Unlock()
	done.Wait()
}

// TestLockTwiceBlocksForever locks a mutex in two methods (negative control of 2.10).
func TestLockTwiceBlocksForever(t *testing.T) {
	deadlocks(t, "lock twice", "[sync.Mutex.Lock]")
}

// TestReadLockTwiceBlocksBehindAWriter has a writer wait between two read locks
// (negative control of 2.10).
func TestReadLockTwiceBlocksBehindAWriter(t *testing.T) {
	deadlocks(t, "read-lock twice", "[sync.RWMutex.RLock]", "[sync.RWMutex.Lock]")
}

// TestOrderedLocksNeverDeadlock transfers 10,000 times each way, concurrently (claim 2.11).
// In no order of events are both goroutines blocked: one of them holds the lower account.
func TestOrderedLocksNeverDeadlock(t *testing.T) {
	a, b := &Account{number: 1, balance: 100}, &Account{number: 2, balance: 100}
	transfers := []func(){func() { Transfer(a, b, 1) }, func() { Transfer(b, a, 1) }}
	next := make(chan func(), len(transfers))
	for _, transfer := range transfers {
		next <- transfer
	}
	done := make(chan bool, 1)
	go func() {
		Concurrently(len(transfers), 1, func() { // a direction for each goroutine
			transfer := <-next
			for range 10_000 {
				transfer()
			}
		})
		done <- true
	}()
	for len(done) == 0 {
		if blockedInLock(".Transfer(") == len(transfers) {
			t.Fatal("all transfers are blocked in Lock at the same time: a deadlock")
		}
		runtime.Gosched()
	}
	if total := a.Balance() + b.Balance(); total != 200 || a.Balance() < 0 || b.Balance() < 0 {
		t.Errorf("the balances are %d and %d; want a total of 200, and none below 0", a.Balance(), b.Balance())
	}
}

// TestTransferHoldsTheLowerAccountFirst has both transfers wait for the account
// with the higher number: meanwhile each holds the other one (claim 2.11).
func TestTransferHoldsTheLowerAccountFirst(t *testing.T) {
	a, b := &Account{number: 1, balance: 100}, &Account{number: 2, balance: 100}
	for _, transfer := range []func() error{func() error { return Transfer(a, b, 10) }, func() error { return Transfer(b, a, 10) }} {
		b.mu.Lock()
		done := make(chan error, 1)
		go func() { done <- transfer() }()
		for blockedInLock(".Transfer(") == 0 {
			runtime.Gosched()
		}
		if !locked(a) || a.balance != 100 {
			t.Errorf("blocked in Lock of the higher account: the lower one is locked: %t, and has %d; want true, 100", locked(a), a.balance)
		}
		b.mu.Unlock()
		if err := <-done; err != nil {
			t.Error(err)
		}
		a.balance, b.balance = 100, 100
	}
}

// TestTransferMovesTheAmount transfers in both directions of the numbers (claim 2.11).
func TestTransferMovesTheAmount(t *testing.T) {
	a, b := &Account{number: 1, balance: 100}, &Account{number: 2, balance: 100}
	for _, step := range []struct {
		from, to *Account
		amount   int
		err      error
		a, b     int
	}{{a, b, 30, nil, 70, 130}, {b, a, 130, nil, 200, 0}, {b, a, 1, ErrInsufficient, 200, 0}, {a, b, 201, ErrInsufficient, 200, 0}, {a, b, 50, nil, 150, 50}} {
		err := Transfer(step.from, step.to, step.amount)
		if !errors.Is(err, step.err) || a.Balance() != step.a || b.Balance() != step.b {
			t.Errorf("from %d to %d, %d: error %v, balances %d and %d; want %v, %d, %d",
				step.from.number, step.to.number, step.amount, err, a.Balance(), b.Balance(), step.err, step.a, step.b)
		}
	}
}

// TestUnorderedLocksDeadlock has two transfers meet between their locks
// (negative control of 2.11).
func TestUnorderedLocksDeadlock(t *testing.T) {
	deadlocks(t, "unordered locks", "[sync.Mutex.Lock]", "[sync.WaitGroup.Wait]")
	if !raceDetector() {
		if message, states := runDeadlock("unordered locks"); message+"\n" != allAsleep || strings.Count(states, "[sync.Mutex.Lock]") != 2 {
			t.Errorf("got %q and the states %s, want both transfers blocked", message, states)
		}
	}
}

// TestOperationsBlockWhileTheLockIsHeld by another goroutine. Of an RWMutex it is a reader
// that holds it for Add, and a writer for Total.
func TestOperationsBlockWhileTheLockIsHeld(t *testing.T) {
	mutex, rw, account := new(MutexTally), new(RWMutexTally), &Account{balance: 1}
	for _, c := range []struct {
		call string
		held sync.Locker
		use  func()
	}{
		{".(*MutexTally).Add(", &mutex.mu, mutex.Add},
		{".(*MutexTally).Total(", &mutex.mu, func() { mutex.Total() }},
		{".(*RWMutexTally).Add(", rw.mu.RLocker(), rw.Add},
		{".(*RWMutexTally).Total(", &rw.mu, func() { rw.Total() }},
		{".(*Account).Balance(", &account.mu, func() { account.Balance() }},
		{".(*Account).Withdraw(", &account.mu, func() { account.Withdraw(1) }},
	} {
		c.held.Lock()
		done := make(chan bool, 1)
		go func() { c.use(); done <- true }()
		for len(done) == 0 && blockedInLock(c.call) == 0 {
			runtime.Gosched()
		}
		if len(done) > 0 {
			t.Errorf("%s) returned while another goroutine held the lock, want it to block", c.call[1:])
		}
		c.held.Unlock()
		<-done
	}
}

// blockedInLock returns how many goroutines are blocked in Lock or RLock in a call, such as
// ".Transfer(".
func blockedInLock(call string) (n int) {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		head, _, _ := strings.Cut(stack, "\n") // goroutine 7 [sync.Mutex.Lock]:
		if strings.Contains(head, "Mutex.") && strings.Contains(stack, call) {
			n++
		}
	}
	return n
}

// locked reports whether a goroutine holds the account's mutex.
func locked(a *Account) bool {
	if a.mu.TryLock() {
		a.mu.Unlock()
		return false
	}
	return true
}

// TestUnorderedTransferMovesTheAmount: alone, the wrong version is right, which is
// why its fault is found late.
func TestUnorderedTransferMovesTheAmount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &Account{number: 1, balance: 100}, &Account{number: 2, balance: 100}
		between := false
		err := TransferUnordered(a, b, 30, func() { between = locked(a) && !locked(b) })
		if err != nil || a.Balance() != 70 || b.Balance() != 130 || !between {
			t.Errorf("error %v, balances %d and %d, between called between the locks: %t", err, a.Balance(), b.Balance(), between)
		}
		if err := TransferUnordered(b, a, 0, func() { between = locked(b) && !locked(a) }); err != nil || !between {
			t.Errorf("error %v; from is locked first: %t", err, between)
		}
		if err := TransferUnordered(a, b, 71, func() {}); !errors.Is(err, ErrInsufficient) {
			t.Errorf("a transfer of 71 of 70: error %v", err)
		}
	})
}
