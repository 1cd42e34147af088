package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A Store is a database/sql driver: it counts transactions and stores nothing.
type Store struct {
	mu                          sync.Mutex
	open, committed, rolledBack int // guarded by mu: transactions
	inserted                    []driver.NamedValue
	outside                     int   // guarded by mu: inserts on a connection without a transaction
	full                        error // of an insert
}

func (s *Store) Connect(context.Context) (driver.Conn, error) { return &storeConn{s: s}, nil }
func (s *Store) Driver() driver.Driver                        { return nil }

// count changes the numbers under the lock.
func (s *Store) count(change func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	return nil
}

type storeConn struct {
	s    *Store
	inTx bool // guarded by s.mu
}

func (c *storeConn) Begin() (driver.Tx, error) {
	return storeTx{c}, c.s.count(func() { c.s.open++; c.inTx = true })
}
func (c *storeConn) Close() error { return nil }
func (c *storeConn) Prepare(string) (driver.Stmt, error) {
	return nil, errors.New("the store has no prepared statements")
}
func (c *storeConn) ExecContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Result, error) {
	c.s.count(func() {
		if c.s.inserted = args; !c.inTx {
			c.s.outside++
		}
	})
	return driver.ResultNoRows, c.s.full
}

type storeTx struct{ c *storeConn }

func (tx storeTx) Commit() error {
	return tx.c.s.count(func() { tx.c.s.open--; tx.c.s.committed++; tx.c.inTx = false })
}
func (tx storeTx) Rollback() error {
	return tx.c.s.count(func() { tx.c.s.open--; tx.c.s.rolledBack++; tx.c.inTx = false })
}

// register calls Register, lets the client disconnect while confirm is running,
// and looks at the store a day later; then confirm returns.
func register(t *testing.T, contextOf func(request context.Context) context.Context) (store *Store, openAfterADay int, err error) {
	store = new(Store)
	db := sql.OpenDB(store)
	defer db.Close()
	request, disconnect := context.WithCancel(t.Context())
	confirmed, returned := make(chan struct{}), make(chan error, 1)
	go func() {
		returned <- Register(contextOf(request), db, adaSignup, func() error { <-confirmed; return nil })
	}()
	synctest.Wait() // until confirm is running
	disconnect()
	time.Sleep(24 * time.Hour)
	store.count(func() { openAfterADay = store.open })
	close(confirmed)
	return store, openAfterADay, <-returned
}

// TestTransactionEndsWhenTheClientDisconnects passes the request's context on (claim 4.5).
func TestTransactionEndsWhenTheClientDisconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, open, err := register(t, func(request context.Context) context.Context { return request })
		if open != 0 || store.rolledBack != 1 || store.committed != 0 || err == nil {
			t.Errorf("the client disconnected: %d transactions open, %d rolled back, %d committed, error %v; want one rolled back and an error",
				open, store.rolledBack, store.committed, err)
		}
	})
}

// TestTransactionWithBackgroundStaysOpen passes context.Background(): a day
// after the client disconnected, the transaction still holds its connection and
// its locks (negative control of 4.5).
func TestTransactionWithBackgroundStaysOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, open, err := register(t, func(context.Context) context.Context { return context.Background() })
		if open != 1 || store.committed != 1 || err != nil {
			t.Errorf("with Background %d transactions were open a day after the client disconnected, %d were committed, error %v; the one must stay open until it is committed",
				open, store.committed, err)
		}
	})
}

// TestFailedInsertIsRolledBack, and confirm is not called.
func TestFailedInsertIsRolledBack(t *testing.T) {
	store := &Store{full: errors.New("the disk is full")}
	db := sql.OpenDB(store)
	defer db.Close()
	err := Register(t.Context(), db, adaSignup, func() error { t.Error("confirm was called"); return nil })
	if err != store.full || store.open != 0 || store.rolledBack != 1 || store.committed != 0 {
		t.Errorf("got %v: %d transactions open, %d rolled back, %d committed; want %q and one rolled back", err, store.open, store.rolledBack, store.committed, store.full)
	}
}

// TestRegisterCommitsAfterConfirm, which it calls between the insert and the commit. If
// confirm fails, it rolls the transaction back. The insert is in the transaction: on
// another connection of db it would stay.
func TestRegisterCommitsAfterConfirm(t *testing.T) {
	for _, refused := range []error{nil, errors.New("refused")} {
		store := new(Store)
		db := sql.OpenDB(store)
		err := Register(t.Context(), db, adaSignup, func() error {
			if len(store.inserted) != 2 || store.inserted[0].Value != adaSignup.Name || store.inserted[1].Value != adaSignup.Email || store.open != 1 {
				t.Errorf("when confirm is called, %v was inserted in %d open transactions; want the sign-up in one", store.inserted, store.open)
			}
			return refused
		})
		if store.outside != 0 {
			t.Errorf("%d of 1 inserts were made outside of the transaction", store.outside)
		}
		committed := map[bool]int{true: 1, false: 0}[refused == nil]
		if err != refused || store.open != 0 || store.committed != committed || store.rolledBack != 1-committed {
			t.Errorf("confirm returned %v, and Register %v: %d transactions open, %d committed, %d rolled back", refused, err, store.open, store.committed, store.rolledBack)
		}
		db.Close()
	}
}
