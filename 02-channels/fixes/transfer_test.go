package fixes

import (
	"errors"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// locking finds a goroutine of Transfer that blocks on a mutex, and its line.
var locking = regexp.MustCompile(`^goroutine \d+ \[sync\.(?:RW)?Mutex\.R?Lock[^\]]*\]:\n(?:.*\n)*?.*[/\\](transfer\.go:\d+)`)

// blocked returns the lines at which goroutines block on a mutex in transfer.go.
// The snapshot of the stacks stops all goroutines, so it is consistent.
func blocked() (lines []string) {
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if m := locking.FindStringSubmatch(stack); m != nil {
			lines = append(lines, m[1])
		}
	}
	return lines
}

func TestTransferInBothDirectionsDoesNotDeadlock(t *testing.T) {
	alone(t, "2.11: lock ordering", func(t *testing.T) {
		ada, bob := NewAccount(1, 100), NewAccount(2, 100)
		// The audit of a withdrawal is a meeting point: it blocks until both transfers
		// have withdrawn, or one of them blocks on a lock that the other holds. Only an
		// answer with TryLock does neither, and goes on after three seconds.
		var withdrawn, ended atomic.Int32
		began := time.Now()
		audit := func(_, change int) {
			if change > 0 {
				return
			}
			withdrawn.Add(1)
			for withdrawn.Load() < 2 && ended.Load() == 0 && len(blocked()) == 0 && time.Since(began) < 3*time.Second {
				runtime.Gosched()
			}
		}
		for _, pay := range []func() error{
			func() error { return Transfer(ada, bob, 10, audit) },
			func() error { return Transfer(bob, ada, 20, audit) },
		} {
			go func() {
				if err := pay(); err != nil {
					t.Errorf("a transfer between two accounts of 100 cents fails: %v", err)
				}
				ended.Add(1)
			}()
		}
		for ended.Load() < 2 {
			if lines := blocked(); len(lines) == 2 { // no other goroutine can unlock
				t.Fatalf("Ada pays Bob while Bob pays Ada: both transfers block forever (%s), each on a lock that the other one holds",
					strings.Join(lines, ", "))
			}
			runtime.Gosched()
		}
		if a, b := ada.Balance(), bob.Balance(); a != 110 || b != 90 {
			t.Errorf("Ada and Bob have 100 each; Ada pays 10 and Bob pays 20: got %d and %d, want 110 and 90", a, b)
		}
	})
}

func TestTransferMovesTheMoneyOnce(t *testing.T) {
	alone(t, "2.8: a mutex protects the balance in every method that uses it", func(t *testing.T) {
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
	alone(t, "2.8: a mutex protects the balance in every method that uses it", func(t *testing.T) {
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
