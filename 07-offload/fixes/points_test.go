package exercise_test

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	. "concurrency/07-offload/fixes"
)

// A memory is a store that can crash or fail before one of its commits.
type memory struct {
	mu     sync.Mutex
	done   map[string]bool
	points map[string]int

	updates int
	crash   int    // the process crashes in this update, before its commit
	after   int    // or after the commit of this one
	fail    int    // this update fails
	down    bool   // each update fails
	between func() // called after the commit of the first one
}

func newMemory() *memory { return &memory{done: make(map[string]bool), points: make(map[string]int)} }

var errCrash = errors.New("the process crashed")
var errStore = errors.New("the database is not available")

type transaction struct {
	over   atomic.Bool
	done   map[string]bool
	points map[string]int
}

func (tx *transaction) Done(order string) bool           { tx.check(); return tx.done[order] }
func (tx *transaction) MarkDone(order string)            { tx.check(); tx.done[order] = true }
func (tx *transaction) AddPoints(customer string, n int) { tx.check(); tx.points[customer] += n }

func (tx *transaction) check() {
	if tx.over.Load() {
		panic("a transaction is used after Update has returned")
	}
}

func (m *memory) Update(f func(tx Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.updates++
	tx := &transaction{done: maps.Clone(m.done), points: maps.Clone(m.points)}
	defer tx.over.Store(true)
	if err := f(tx); err != nil {
		return err
	}
	switch {
	case m.updates == m.crash:
		panic(errCrash)
	case m.down && m.updates > 100:
		panic("the database is not available, but Credit calls Update again and again")
	case m.updates == m.fail, m.down:
		return errStore
	}
	m.done, m.points = tx.done, tx.points
	if m.updates == m.after {
		panic(errCrash)
	}
	if m.updates == 1 && m.between != nil {
		m.between()
	}
	return nil
}

// deliver delivers an order as a queue does: again after a crash or an error.
func (m *memory) deliver(t *testing.T, order Order) {
	t.Helper()
	var err error
	for range 10 {
		crashed := func() (crashed bool) {
			defer func() {
				if r := recover(); r == errCrash {
					crashed = true
				} else if r != nil {
					panic(r)
				}
			}()
			err = Credit(m, order)
			return false
		}()
		if err == nil && !crashed {
			return
		}
	}
	t.Fatalf("the order was delivered ten times, but Credit returned %q the last time, too: the queue delivers the order forever", err)
}

const oneTransaction = "section 7.6: the effect and the note that it happened belong together. What can happen between two transactions?"

func TestPointsAreCreditedOnceAfterACrash(t *testing.T) {
	alone(t, oneTransaction, func(t *testing.T) {
		otherwise("no goroutine can proceed: Update runs one transaction at a time. Does one call Update before it has returned?")
		order := Order{"order 1", "ada", 50}
		for n := 1; n <= 5; n++ {
			for _, when := range []string{"before", "after"} {
				m := newMemory()
				if when == "before" {
					m.crash = n
				} else {
					m.after = n
				}
				m.deliver(t, order)
				m.deliver(t, order)
				if got := m.points["ada"]; got != 50 {
					t.Fatalf("the process crashed %s the commit of transaction %d, and the order was delivered again: ada got %d points, want 50", when, n, got)
				}
			}
		}
	})
}

func TestPointsAreCreditedOnceAfterAnError(t *testing.T) {
	alone(t, oneTransaction, func(t *testing.T) {
		for n := 1; n <= 5; n++ {
			m := newMemory()
			m.fail = n
			m.deliver(t, Order{"order 1", "ada", 50})
			if got := m.points["ada"]; got != 50 {
				t.Fatalf("transaction %d failed, and the order was delivered again after the error: ada got %d points, want 50", n, got)
			}
		}
		m := newMemory()
		m.down = true
		if err := Credit(m, Order{"order 1", "ada", 50}); !errors.Is(err, errStore) {
			t.Errorf("the store failed with %q, but Credit returned %v: the queue takes the order for done", errStore, err)
		}
	})
}

// TestPointsAreCreditedOnceByTwoProcesses: another process credits the order in one
// transaction, after the first transaction of Credit.
func TestPointsAreCreditedOnceByTwoProcesses(t *testing.T) {
	alone(t, oneTransaction, func(t *testing.T) {
		m := newMemory()
		m.between = func() {
			if !m.done["order 1"] {
				m.done["order 1"] = true
				m.points["ada"] += 50
			}
		}
		m.deliver(t, Order{"order 1", "ada", 50})
		if got := m.points["ada"]; got != 50 {
			t.Errorf("another process credited the order between the first two transactions of Credit: ada got %d points, want 50. A lock in this process does not stop other processes", got)
		}
	})
}

func TestPointsAreCreditedOnceBySeveralWorkers(t *testing.T) {
	alone(t, oneTransaction, func(t *testing.T) {
		const orders, workers = 20, 4
		m := newMemory()
		for n := range orders {
			var delivered sync.WaitGroup
			for range workers {
				delivered.Go(func() { Credit(m, Order{fmt.Sprint("order ", n), "ada", 50}) })
			}
			delivered.Wait()
		}
		if got := m.points["ada"]; got != 50*orders {
			t.Errorf("%d orders of 50 points were delivered to %d workers each at the same time: ada got %d points, want %d", orders, workers, got, 50*orders)
		}
	})
}

func TestPointsOfEachOrderAreCredited(t *testing.T) {
	alone(t, "the doc comment of Credit: once for each order", func(t *testing.T) {
		m := newMemory()
		for _, order := range []Order{{"order 1", "ada", 50}, {"order 2", "ada", 30}, {"order 3", "grace", 50}} {
			m.deliver(t, order)
		}
		if m.points["ada"] != 80 || m.points["grace"] != 50 {
			t.Errorf("ada had orders of 50 and 30 points, grace one of 50: they got %d and %d", m.points["ada"], m.points["grace"])
		}
	})
}
