package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollowUpTasksFromOutsideRun crawls a site with 2 workers, and more links than
// any queue has slots (claim 5.6). The levels have 1, 2, 4, 8, 16 and 32 pages of a
// second each, so two workers take 32 s.
func TestFollowUpTasksFromOutsideRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var visited, deepest atomic.Int64
		began := time.Now()
		if err := Crawl(ctx, 2, site(6), func(page *Page) {
			below := int64(0) // the levels below the page
			for p := page; len(p.Links) > 0; p = p.Links[0] {
				below++
			}
			if visited.Add(1) == 1 || below < deepest.Load() {
				deepest.Store(below)
			}
			time.Sleep(time.Second)
			if below != deepest.Load() {
				t.Errorf("while Crawl visited a page with %d levels below it, it began one with %d", below, deepest.Load())
			}
		}); err != nil || visited.Load() != 63 {
			t.Errorf("Crawl visited %d of 63 pages and returned %v", visited.Load(), err)
		}
		if took := time.Since(began); took != 32*time.Second {
			t.Errorf("Crawl with 2 workers took %v, want 32s", took)
		}
		cancel()
		if err := Crawl(ctx, 2, site(6), func(*Page) { visited.Add(1) }); !errors.Is(err, context.Canceled) || visited.Load() != 63 {
			t.Errorf("the context is canceled, and Crawl returned %v and has visited %d pages", err, visited.Load()-63)
		}
	})
}

// TestTaskThatSubmitsToItsOwnFullPoolBlocks lets it be for a day, in fake time
// (negative control of 5.6).
func TestTaskThatSubmitsToItsOwnFullPoolBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		var visited, blocked atomic.Int64
		time.AfterFunc(time.Hour, func() { blocked.Store(int64(Inside("(*Pool[...]).Submit"))) })
		began := time.Now()
		err := CrawlInside(ctx, Config{Workers: 2, Queue: 2}, site(6), func(*Page) { visited.Add(1) })
		if n := visited.Load(); !errors.Is(err, context.DeadlineExceeded) || n >= 63 || time.Since(began) != 24*time.Hour {
			t.Errorf("CrawlInside visited %d of 63 pages and returned %v after %v, want a deadlock until the deadline", n, err, time.Since(began))
		}
		if n := blocked.Load(); n != 2 {
			t.Errorf("after an hour, %d goroutines were in Submit, want the 2 workers", n)
		}
	})
}

// TestOneConnectionIsEnough makes the queries that the wrong versions make, with
// the same connection (claim 5.6).
func TestOneConnectionIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := OpenShop(1)
		defer db.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if names, err := Names(ctx, db); err != nil || !slices.Equal(names, []string{"customer 1", "customer 2", "customer 3"}) {
			t.Errorf("Names returned %q, %v", names, err)
		}
		if names, err := Pay(ctx, db); err != nil || !slices.Equal(names, []string{"customer 2"}) {
			t.Errorf("Pay returned %q, %v", names, err)
		}
		if n := db.Stats().WaitCount; n != 0 {
			t.Errorf("%d queries waited for a connection", n)
		}
	})
}

// TestTransactionIsCommitted counts the commits of Pay, and of PayOutsideTx with the
// two connections that it needs (claim 5.6).
func TestTransactionIsCommitted(t *testing.T) {
	for name, pay := range map[string]func(context.Context, *sql.DB) ([]string, error){"Pay": Pay, "PayOutsideTx": PayOutsideTx} {
		shop := counting{commits: new(atomic.Int64)}
		db := sql.OpenDB(shop)
		if _, err := pay(t.Context(), db); err != nil || shop.commits.Load() != 1 {
			t.Errorf("%s returned %v after %d commits, want 1", name, err, shop.commits.Load())
		}
		db.Close()
	}
}

// counting is the shop, and counts its commits.
type counting struct {
	shop
	commits *atomic.Int64
}

func (c counting) Connect(context.Context) (driver.Conn, error) { return c, nil }
func (c counting) Begin() (driver.Tx, error)                    { return c, nil }
func (c counting) Commit() error                                { c.commits.Add(1); return nil }

// TestRowsThatBreakOffAreAnError has the connection fail after the first row (claim
// 5.6): the loop over the rows ends as if there were no more.
func TestRowsThatBreakOffAreAnError(t *testing.T) {
	db := sql.OpenDB(breaking{})
	defer db.Close()
	for name, f := range map[string]func(context.Context, *sql.DB) ([]string, error){"Names": Names, "NamesInLoop": NamesInLoop} {
		if names, err := f(t.Context(), db); !errors.Is(err, errBroken) {
			t.Errorf("%s returned %q, %v; want %v", name, names, err, errBroken)
		}
	}
}

// TestConnectionIsFreeAfterAnError has the query for a name fail (claim 5.6): the rows
// are closed and the transaction is rolled back, otherwise they would keep it.
func TestConnectionIsFreeAfterAnError(t *testing.T) {
	for name, f := range map[string]func(context.Context, *sql.DB) ([]string, error){
		"Names": Names, "NamesInLoop": NamesInLoop, "Pay": Pay, "PayOutsideTx": PayOutsideTx,
	} {
		db := sql.OpenDB(nameless{})
		if names, err := f(t.Context(), db); !errors.Is(err, errBroken) || db.Stats().InUse != 0 {
			t.Errorf("%s returned %q, %v, and %d connections are in use; want %v and 0", name, names, err, db.Stats().InUse, errBroken)
		}
		db.Close()
	}
}

// nameless is the shop, and fails to find a name.
type nameless struct{ shop }

func (n nameless) Connect(context.Context) (driver.Conn, error) { return n, nil }
func (n nameless) Prepare(query string) (driver.Stmt, error) {
	if query == "name of customer" {
		return nil, errBroken
	}
	return n.shop.Prepare(query)
}

var errBroken = errors.New("connection lost")

// breaking is the shop with a connection that breaks.
type breaking struct{ shop }

func (b breaking) Connect(context.Context) (driver.Conn, error) { return b, nil }
func (b breaking) Prepare(query string) (driver.Stmt, error) {
	return breakingStmt{shopStmt(query)}, nil
}

type breakingStmt struct{ shopStmt }

func (s breakingStmt) Query(args []driver.Value) (driver.Rows, error) {
	if len(args) > 0 {
		return s.shopStmt.Query(args)
	}
	return &breakingRows{shopRows{"1"}}, nil
}

type breakingRows struct{ shopRows }

func (r *breakingRows) Next(row []driver.Value) error {
	if err := r.shopRows.Next(row); err != nil {
		return errBroken
	}
	return nil
}

// TestQueryInsideARowLoopBlocks needs a second connection of a database that opens
// one (negative control of 5.6).
func TestQueryInsideARowLoopBlocks(t *testing.T) {
	requireDeadlock(t, NamesInLoop)
}

// TestQueryNextToAnOpenTransactionBlocks needs a second connection, too (negative
// control of 5.6).
func TestQueryNextToAnOpenTransactionBlocks(t *testing.T) {
	requireDeadlock(t, PayOutsideTx)
}

// requireDeadlock calls f with one connection, and then with two, which are enough.
func requireDeadlock(t *testing.T, f func(context.Context, *sql.DB) ([]string, error)) {
	t.Helper()
	for connections := 1; connections <= 2; connections++ {
		synctest.Test(t, func(t *testing.T) {
			db := OpenShop(connections)
			defer db.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
			defer cancel()
			began := time.Now()
			got, err := f(ctx, db)
			if connections == 1 && (!errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 24*time.Hour) {
				t.Errorf("with one connection it returned %q, %v after %v, want a deadlock until the deadline", got, err, time.Since(began))
			}
			if connections == 2 && err != nil {
				t.Errorf("with two connections it returned %q, %v", got, err)
			}
		})
	}
}
