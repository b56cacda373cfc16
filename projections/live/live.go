// Package live keeps what changes too often to be an event: when each device was last heard of. Its schema, "live", is
// not rebuildable, and nothing that is folded from the log depends on it.
package live

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed schema.sql
var schema string

//go:embed migrations/*.sql
var migrations embed.FS

// Unknown makes tables of this package's names in which nothing stands, for a moment of the past: when devices were last heard of
// then, nobody knows any more.
const Unknown = `CREATE TABLE last_seen (LIKE live.last_seen); CREATE TABLE seen_count (LIKE live.seen_count)`

// Locks of this package, taken for one transaction. The numbers mean nothing; they only must not be anybody else's.
const (
	lockMigrate = 0x6c69_7665_0001
	lockFlush   = 0x6c69_7665_0002
)

// Migrate brings the schema up to date: each file of migrations/ once, in the order of the numbers that their names begin with.
// Portals that start at the same time take turns.
func Migrate(ctx context.Context, db *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockMigrate); err != nil {
			return fmt.Errorf("live: %w", err)
		}
		if _, err := tx.Exec(ctx, schema); err != nil {
			return fmt.Errorf("live: %w", err)
		}
		files, err := fs.Glob(migrations, "migrations/*.sql") // sorted; fewer than ten
		if err != nil {
			return err
		}
		for _, name := range files {
			if err := migrate(ctx, tx, name); err != nil {
				return fmt.Errorf("live: %s: %w", name, err)
			}
		}
		return nil
	})
}

func migrate(ctx context.Context, tx pgx.Tx, name string) error {
	number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `INSERT INTO live.migration (version) VALUES ($1) ON CONFLICT DO NOTHING`, version)
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	statements, err := migrations.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, string(statements))
	return err
}
