package main

import (
	"context"
	"database/sql"
)

// Register stores a sign-up in a transaction. Between the insert and the commit
// it calls confirm, which may take long. When ctx is done, database/sql rolls the
// transaction back, even while confirm is still running.
func Register(ctx context.Context, db *sql.DB, s Signup, confirm func() error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.ExecContext(ctx, "INSERT INTO signups (name, email) VALUES ($1, $2)", s.Name, s.Email); err != nil {
		return err
	}
	if err := confirm(); err != nil {
		return err
	}
	return tx.Commit()
}
