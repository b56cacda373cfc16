package projections

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore"
)

//go:embed catalog.sql
var catalogSQL string

// The states of generations.
const (
	StateLive  = "live"  // is read
	StateNext  = "next"  // is being built
	StatePrev  = "prev"  // was live before the last swap
	StateCheck = "check" // is compared with the live one
	StateAsOf  = "asof"  // shows a moment of the past

	StateRenewal = "renewal" // is to take the place of the live tables
)

// Generation is one set of a view's tables, in a schema of its own.
type Generation struct {
	ID          int64
	View        string
	Version     int
	Fingerprint string // of View.Schema and View.Indexes
	Schema      string
	State       string
	Position    eventstore.Position // of the last event in its tables
	Epoch       int64               // counts the projectors that took it over
	Indexed     bool
	Moved       time.Time // when the position moved last
	Created     time.Time
	Swapped     time.Time // when it went live; zero if it never did
	Halted      *Halt     // nil unless it stands before an event that can't be applied

	// Events have been read: each was applied, or passed by since an operator had quarantined it.
	Events, Applied, Quarantined int64

	KeepUntil time.Time // of StatePrev: when it is dropped
	AsOf      string    // of StateAsOf: the Moment it belongs to
	Verified  time.Time // when it was last compared with a rebuild; zero if it never was
	Differs   string    // what that found; empty if nothing

	last lastEvent
}

// lastEvent is the event at a generation's position. A log that does not have it there is another one.
type lastEvent struct {
	id       uuid.UUID // Nil: an earlier build did not note it
	stream   string
	revision eventstore.Revision
}

// Halt says where and why a view or policy stands.
type Halt struct {
	EventID   string
	EventType string
	Position  string // of that event
	Message   string
	Since     time.Time
}

// Querier is what reading needs: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// lockCatalog is the advisory lock under which the catalog's tables are made.
const lockCatalog = 0x706f_7274_0001

// Migrate makes the engine's own tables, in schema portal. Portals that start at the same time take turns.
func Migrate(ctx context.Context, db *pgxpool.Pool) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockCatalog); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, catalogSQL)
		return err
	})
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	return nil
}

const generationColumns = `id, view, version, fingerprint, schema, state, commit, prepare, epoch, indexed, moved, created,
	COALESCE(swapped, 'epoch'), error, COALESCE(error_id::text, ''), COALESCE(error_type, ''), COALESCE(error_at, ''), error_since,
	events, applied, (SELECT count(*) FROM portal.quarantined q WHERE q.generation = generation.id), COALESCE(keep_until, 'epoch'),
	COALESCE(as_of, ''), COALESCE(verified, 'epoch'), COALESCE(differs, ''), COALESCE(last_id, '00000000-0000-0000-0000-000000000000'),
	COALESCE(last_stream, ''), COALESCE(last_revision, -1)`

func scanGeneration(row pgx.CollectableRow) (g Generation, err error) {
	var (
		commit, prepare int64
		message         *string
		since           *time.Time
		halt            Halt
	)
	err = row.Scan(&g.ID, &g.View, &g.Version, &g.Fingerprint, &g.Schema, &g.State, &commit, &prepare, &g.Epoch, &g.Indexed, &g.Moved,
		&g.Created, &g.Swapped, &message, &halt.EventID, &halt.EventType, &halt.Position, &since, &g.Events, &g.Applied, &g.Quarantined,
		&g.KeepUntil, &g.AsOf, &g.Verified, &g.Differs, &g.last.id, &g.last.stream, &g.last.revision)
	g.Position = eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)} //nolint:gosec // never negative
	for _, at := range []*time.Time{&g.Swapped, &g.KeepUntil, &g.Verified} {
		if at.Unix() == 0 {
			*at = time.Time{}
		}
	}
	if message != nil && since != nil {
		halt.Message, halt.Since = *message, *since
		g.Halted = &halt
	}
	return g, err
}

// Generations lists all generations of all views.
func Generations(ctx context.Context, db Querier) ([]Generation, error) {
	rows, err := db.Query(ctx, `SELECT `+generationColumns+` FROM portal.generation ORDER BY view, id`)
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	return pgx.CollectRows(rows, scanGeneration)
}

// find reads one generation; ok is false if there is none.
func find(ctx context.Context, db Querier, schema string) (g Generation, ok bool, err error) {
	rows, err := db.Query(ctx, `SELECT `+generationColumns+` FROM portal.generation WHERE schema = $1`, schema)
	if err != nil {
		return g, false, err
	}
	g, err = pgx.CollectExactlyOneRow(rows, scanGeneration)
	if errors.Is(err, pgx.ErrNoRows) {
		return g, false, nil
	}
	return g, err == nil, err
}

// create makes empty tables in a schema of their own, without secondary indexes.
func create(ctx context.Context, db *pgxpool.Pool, v View, schema, state string) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, lockCatalog); err != nil {
			return err
		}
		if _, ok, err := find(ctx, tx, schema); ok || err != nil {
			return err // another portal was faster
		}
		if err := createTables(ctx, tx, v, schema); err != nil {
			return fmt.Errorf("view %s, schema: %w", v.Name, err)
		}
		_, err := tx.Exec(ctx, `INSERT INTO portal.generation (view, version, fingerprint, schema, state) VALUES ($1, $2, $3, $4, $5)`,
			v.Name, v.Version, v.fingerprint(), schema, state)
		return err
	})
}

func createTables(ctx context.Context, tx pgx.Tx, v View, schema string) error {
	if v.SQL != nil {
		return createAs(ctx, tx, v.SQL, schema, v.Schema)
	}
	return execIn(ctx, tx, schema, `CREATE SCHEMA `+quote(schema)+";\n"+v.Schema)
}

// execIn runs statements with a schema as the place of unqualified names.
func execIn(ctx context.Context, tx pgx.Tx, schema, sql string) error {
	_, err := tx.Exec(ctx, `SET LOCAL search_path = `+quote(schema)+";\n"+sql+"\n"+`;SET LOCAL search_path = DEFAULT`)
	return err
}

// drop removes a generation and its tables. The live one is refused.
func drop(ctx context.Context, db *pgxpool.Pool, schema string) error {
	return dropIf(ctx, db, schema, func(Generation) bool { return true })
}

// dropIf drops a generation if it is still what the caller takes it for. Its row is locked meanwhile, so that a swap or a
// rollback can't make it the live one between the look and the drop.
func dropIf(ctx context.Context, db *pgxpool.Pool, schema string, still func(Generation) bool) error {
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		g, ok, err := lockGeneration(ctx, tx, schema)
		switch {
		case err != nil || !ok || !still(g):
			return err
		case g.State == StateLive:
			return fmt.Errorf("%w: %s is live", ErrInUse, schema)
		}
		return forget(ctx, tx, schema)
	})
}

func forget(ctx context.Context, tx pgx.Tx, schema string) error {
	if _, err := tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+quote(schema)+` CASCADE`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM portal.generation WHERE schema = $1`, schema)
	return err
}

// describe reads the columns of all tables of a schema but for those that Postgres generates.
func describe(ctx context.Context, db Querier, schema string) (map[string][]columnDef, error) {
	rows, err := db.Query(ctx, `
		SELECT t.relname, a.attname, a.atttypid, y.typarray, format_type(a.atttypid, a.atttypmod), y.typcategory = 'A',
		       EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
		FROM pg_class t JOIN pg_namespace s ON s.oid = t.relnamespace JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid
		WHERE s.nspname = $1 AND t.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
		ORDER BY t.relname, a.attnum`, schema)
	if err != nil {
		return nil, err
	}
	defs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d columnDef, err error) {
		return d, row.Scan(&d.table, &d.name, &d.oid, &d.arrayOID, &d.sqlType, &d.isArray, &d.key)
	})
	byTable := map[string][]columnDef{}
	for _, d := range defs {
		byTable[d.table] = append(byTable[d.table], d)
	}
	return byTable, err
}
