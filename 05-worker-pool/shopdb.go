package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
)

// OpenShop returns a database with three orders that opens at most the given
// number of connections. It is in memory; database/sql treats it like one elsewhere.
func OpenShop(connections int) *sql.DB {
	db := sql.OpenDB(shop{})
	db.SetMaxOpenConns(connections)
	return db
}

// shop is the smallest driver.
type shop struct{}

func (s shop) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s shop) Driver() driver.Driver                        { return nil }
func (s shop) Prepare(query string) (driver.Stmt, error)    { return shopStmt(query), nil }
func (s shop) Begin() (driver.Tx, error)                    { return s, nil }
func (s shop) Commit() error                                { return nil }
func (s shop) Rollback() error                              { return nil }
func (s shop) Close() error                                 { return nil }

type shopStmt string

func (q shopStmt) NumInput() int                              { return -1 } // not checked
func (q shopStmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }
func (q shopStmt) Close() error                               { return nil }
func (q shopStmt) Query(args []driver.Value) (driver.Rows, error) {
	if q == "name of customer" {
		return &shopRows{"customer " + args[0].(string)}, nil
	}
	return &shopRows{"1", "2", "3"}, nil
}

type shopRows []string

func (r *shopRows) Columns() []string { return []string{"text"} }
func (r *shopRows) Close() error      { return nil }
func (r *shopRows) Next(row []driver.Value) error {
	if len(*r) == 0 {
		return io.EOF
	}
	row[0], *r = (*r)[0], (*r)[1:]
	return nil
}
