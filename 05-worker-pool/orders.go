package main

import (
	"context"
	"database/sql"
)

// A sql.DB is a pool, too: of connections. With SetMaxOpenConns(n), a query that
// needs one more connection blocks until one is free. No error reports
// that, only WaitCount in db.Stats. A query whose context has no deadline can block
// forever. Rows keep their connection until they are closed, and a transaction until
// Commit or Rollback.

// NamesInLoop is wrong: the query in the loop needs a second connection, and the
// rows of the first query keep theirs until the loop has ended.
func NamesInLoop(ctx context.Context, db *sql.DB) (names []string, err error) {
	rows, err := db.QueryContext(ctx, "customers of all orders")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if err := db.QueryRowContext(ctx, "name of customer", id).Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Names reads all rows before it makes the next query. (A single query with a JOIN
// is better still, where the database can do it.)
func Names(ctx context.Context, db *sql.DB) (names []string, err error) {
	rows, err := db.QueryContext(ctx, "customers of all orders")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil { // Next has closed the rows: their connection is free
		return nil, err
	}
	for _, id := range ids {
		var name string
		if err := db.QueryRowContext(ctx, "name of customer", id).Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// PayOutsideTx is wrong: the transaction keeps its connection until Commit, and the
// query on db needs another one.
func PayOutsideTx(ctx context.Context, db *sql.DB) (names []string, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // no effect after Commit
	var name string
	if err := db.QueryRowContext(ctx, "name of customer", "2").Scan(&name); err != nil {
		return nil, err
	}
	return []string{name}, tx.Commit()
}

// Pay makes its query in the transaction, and so on its connection.
func Pay(ctx context.Context, db *sql.DB) (names []string, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // no effect after Commit
	var name string
	if err := tx.QueryRowContext(ctx, "name of customer", "2").Scan(&name); err != nil {
		return nil, err
	}
	return []string{name}, tx.Commit()
}
