// Package people keeps what must never stand in the log about people, in the Postgres schema vault: the keys that seal what
// does stand there, which addresses are taken, and hashes of secrets. It can't be rebuilt and is backed up apart from the log,
// with short retention, since a backup of it holds the keys that have been destroyed since.
package people

import (
	"context"
	_ "embed"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema string

// Vault is safe for concurrent use. Make it with Open.
type Vault struct {
	db   *pgxpool.Pool
	now  func() time.Time
	keys *keyCache
	own  sync.Map // keys of the installation's own, by name
}

// Open makes the tables if they are not there yet. The pool must be allowed to write.
func Open(ctx context.Context, db *pgxpool.Pool, now func() time.Time) (*Vault, error) {
	if _, err := db.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("schema vault: %w", err)
	}
	keys, err := newKeyCache()
	return &Vault{db: db, now: now, keys: keys}, err
}

// durably runs a transaction that is on disk when it returns, whatever the connection's own setting.
func (v *Vault) durably(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, v.db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = on`); err != nil {
			return err
		}
		return do(tx)
	})
}
