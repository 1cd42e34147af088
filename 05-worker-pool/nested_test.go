package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestFollowUpTasksFromOutsideRun crawls a site with 2 workers, and more links than
// any queue has slots (claim 5.6).
func TestFollowUpTasksFromOutsideRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var visited atomic.Int64
		if err := Crawl(ctx, 2, site(6), func(*Page) { visited.Add(1) }); err != nil || visited.Load() != 63 {
			t.Errorf("Crawl visited %d of 63 pages and returned %v", visited.Load(), err)
		}
	})
}

// TestTaskThatSubmitsToItsOwnFullPoolBlocks lets it be for a day, in fake time
// (negative control of 5.6).
func TestTaskThatSubmitsToItsOwnFullPoolBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		var visited atomic.Int64
		err := CrawlInside(ctx, Config{Workers: 2, Queue: 2}, site(6), func(*Page) { visited.Add(1) })
		if n := visited.Load(); !errors.Is(err, context.DeadlineExceeded) || n >= 63 {
			t.Errorf("CrawlInside visited %d of 63 pages and returned %v, want a deadlock until the deadline", n, err)
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
