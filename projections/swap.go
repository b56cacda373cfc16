package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"avportal/eventstore"
)

// Swap makes the generation that was built the live one, in one transaction, and keeps the one before as "<view>_prev", which
// goes on following the log for Config.KeepPrevious.
// Readers see the old tables or the new ones, and never older rows than they have seen.
func (e *Engine) Swap(ctx context.Context, view string) error {
	v, err := e.view(view)
	if err != nil {
		return err
	}
	schema := v.Name + suffixNext
	g, ok, err := find(ctx, e.DB, schema)
	if err == nil && (!ok || g.Version != v.Version || g.Fingerprint != v.fingerprint() || !g.Indexed) {
		err = fmt.Errorf("no generation of version %d has been built", v.Version)
	}
	if err != nil {
		return fmt.Errorf("swap of view %s: %w", view, err)
	}
	w, release, err := e.enter(ctx, v, schema)
	if err != nil {
		return fmt.Errorf("swap of view %s: %w", view, err)
	}
	defer release()
	b := e.newBuild(v, w, nil)
	defer b.close()
	if _, err := b.fill(ctx, eventstore.Position{}); err != nil { // as near to the head as can be while the live view moves on
		return fmt.Errorf("swap of view %s: %w", view, err)
	}
	if err := b.swap(ctx); err != nil {
		return fmt.Errorf("swap of view %s: %w", view, err)
	}
	return nil
}

func (b *build) swap(ctx context.Context) error {
	// 1. The generation before the last makes room. Nobody reads it.
	if err := drop(ctx, b.engine.DB, b.view.Name+suffixPrev); err != nil {
		return err
	}
	x := exchange{engine: b.engine, view: b.view, schema: b.gen.Schema, id: b.gen.ID, catchUp: func(ctx context.Context, live Generation) error {
		if b.gen.Position.Compare(live.Position) < 0 {
			_, err := b.fill(ctx, eventstore.Position{})
			return err
		}
		return nil
	}, fenced: func(next Generation) bool { return next.Epoch != b.gen.Epoch }}
	return x.run(ctx)
}

// exchange makes another generation the live one.
type exchange struct {
	engine  *Engine
	view    View
	schema  string // of the generation that goes live
	id      int64  // of it
	catchUp func(ctx context.Context, live Generation) error
	fenced  func(next Generation) bool // somebody else has taken it
}

func (x exchange) run(ctx context.Context) error {
	var at eventstore.Position
	err := pgx.BeginFunc(ctx, x.engine.DB, func(tx pgx.Tx) (err error) {
		at, err = x.inTx(ctx, tx)
		return err
	})
	if err == nil {
		x.engine.Log.Info("swapped", "view", x.view.Name, "version", x.view.Version, "from", x.schema, "position", at.String())
		x.engine.signals.moved(x.view.Name)
	}
	return err
}

func (x exchange) inTx(ctx context.Context, tx pgx.Tx) (at eventstore.Position, err error) {
	// 2. Hold the live view still, which no longer than the rest of this takes.
	live, ok, err := lockGeneration(ctx, tx, x.view.Name)
	if err != nil {
		return at, err
	}
	// 3. Catch up with it, so that no reader is thrown back.
	if ok {
		if err := x.catchUp(ctx, live); err != nil {
			return at, err
		}
	}
	next, there, err := lockGeneration(ctx, tx, x.schema)
	switch {
	case err != nil:
		return at, err
	case !there || next.ID != x.id || x.fenced(next):
		return at, ErrFenced
	case ok && next.Position.Compare(live.Position) < 0:
		// Only where the live view has seen what is no more in the log are readers thrown back: to what is true.
		if err := x.engine.sameLog(ctx, live.place()); !errors.Is(err, ErrAhead) {
			return at, errors.Join(err, fmt.Errorf("%s is at %s, the live generation at %s", x.schema, next.Position, live.Position))
		}
	}
	keep := max(x.engine.KeepPrevious, 0)
	if ok { // what can't be gone on with can't be gone back to either
		err := x.engine.trusted(ctx, tx, live)
		if errors.Is(err, ErrAhead) || errors.Is(err, ErrQuarantinedLate) {
			keep = 0
		} else if err != nil {
			return at, err
		}
	}
	// 4. Let the queries that run now come to their end, so that none takes one table from here and the next from there.
	if ok {
		if err := lockTables(ctx, tx, x.view.Name); err != nil {
			return at, err
		}
	}
	// 5. Exchange the names. The new epochs shut out whoever writes to either generation.
	_, err = tx.Exec(ctx, strings.Join(x.renames(live, ok, next, keep), ";"))
	return next.Position, err
}

// renames are the statements that exchange the names. What was live becomes the previous generation, by way of a third
// name, since the one that goes live may be the previous one.
func (x exchange) renames(live Generation, ok bool, next Generation, keep time.Duration) (steps []string) {
	name, between, previous := x.view.Name, x.view.Name+suffixSwap, x.view.Name+suffixPrev
	if ok {
		steps = append(steps, `ALTER SCHEMA `+quote(name)+` RENAME TO `+quote(between),
			fmt.Sprintf(`UPDATE portal.generation SET schema = '%s', state = 'swap', epoch = epoch + 1 WHERE id = %d`, between, live.ID))
	}
	steps = append(steps, `ALTER SCHEMA `+quote(x.schema)+` RENAME TO `+quote(name),
		fmt.Sprintf(`UPDATE portal.generation SET schema = '%s', state = 'live', epoch = epoch + 1, swapped = now(), keep_until = NULL,
			error = NULL, error_since = NULL WHERE id = %d`, name, next.ID))
	if ok {
		steps = append(steps, `ALTER SCHEMA `+quote(between)+` RENAME TO `+quote(previous),
			fmt.Sprintf(`UPDATE portal.generation SET schema = '%s', state = 'prev', keep_until = now() + interval '%d milliseconds' WHERE id = %d`,
				previous, keep.Milliseconds(), live.ID))
	}
	return steps
}

// lockTables waits for queries on the live tables. It gives up long before Postgres looks for deadlocks, in which it might
// be the reader that fails, and tries again.
func lockTables(ctx context.Context, tx pgx.Tx, schema string) error {
	tables, err := tableList(ctx, tx, schema)
	if err != nil {
		return err
	}
	for range lockTries {
		err = pgx.BeginFunc(ctx, tx, func(try pgx.Tx) error {
			_, err := try.Exec(ctx, endFrozen+`SET LOCAL lock_timeout = '200ms'; LOCK TABLE `+tables+` IN ACCESS EXCLUSIVE MODE`)
			return err
		})
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != "55P03" {
			return err
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("queries on the live tables leave no room: %w", err)
}

const lockTries = 20

// endFrozen has Postgres end a transaction whose portal is frozen, and else would keep what it has locked from the one that takes over.
const endFrozen = `SET LOCAL idle_in_transaction_session_timeout = '5s';`

// holdTables keeps the tables of a schema from being exchanged until the end of the transaction. It fails if they are not those of id any
// more: what was filled after the transaction's snapshot would look empty to it.
func holdTables(ctx context.Context, tx pgx.Tx, schema string, id uint32) error {
	tables, err := tableList(ctx, tx, schema)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `LOCK TABLE `+tables+` IN ACCESS SHARE MODE`); err != nil {
		return err
	}
	var now uint32
	err = tx.QueryRow(ctx, `SELECT $1::text::regnamespace::oid`, quote(schema)).Scan(&now) // which a snapshot does not hide
	if err == nil && now != id {
		err = errExchanged
	}
	return err
}

// tableList names all tables of a schema.
func tableList(ctx context.Context, db Querier, schema string) (string, error) {
	defs, err := describe(ctx, db, schema)
	var tables []string
	for table := range defs {
		tables = append(tables, pgx.Identifier{schema, table}.Sanitize())
	}
	slices.Sort(tables)
	return strings.Join(tables, ", "), err
}

func lockGeneration(ctx context.Context, tx pgx.Tx, schema string) (Generation, bool, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM portal.generation WHERE schema = $1 FOR UPDATE`, schema); err != nil {
		return Generation{}, false, err
	}
	return find(ctx, tx, schema)
}
