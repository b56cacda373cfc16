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

// Swap makes the generation that was built the live one, in one transaction, and keeps the one before as "<view>_prev".
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
	err := pgx.BeginFunc(ctx, b.engine.DB, func(tx pgx.Tx) error { return b.exchange(ctx, tx) })
	if err == nil {
		b.engine.Log.Info("swapped", "view", b.view.Name, "version", b.view.Version, "position", b.gen.Position.String())
		b.engine.signals.moved(b.view.Name)
	}
	return err
}

func (b *build) exchange(ctx context.Context, tx pgx.Tx) error {
	// 2. Hold the live view still, which no longer than the rest of this takes.
	live, ok, err := lockGeneration(ctx, tx, b.view.Name)
	if err != nil {
		return err
	}
	// 3. Catch up with it, so that no reader is thrown back.
	if ok && b.gen.Position.Compare(live.Position) < 0 {
		if _, err := b.fill(ctx, eventstore.Position{}); err != nil {
			return err
		}
	}
	next, there, err := lockGeneration(ctx, tx, b.gen.Schema)
	switch {
	case err != nil:
		return err
	case !there || next.ID != b.gen.ID || next.Epoch != b.gen.Epoch:
		return ErrFenced
	case ok && next.Position.Compare(live.Position) < 0:
		return fmt.Errorf("%w: the generation that was built is at %s, the live one at %s", ErrAhead, next.Position, live.Position)
	}
	// 4. Let the queries that run now come to their end, so that none takes one table from here and the next from there.
	if ok {
		if err := b.lockTables(ctx, tx); err != nil {
			return err
		}
	}
	// 5. Exchange the names. The new epochs shut out whoever writes to either generation.
	name, previous := b.view.Name, b.view.Name+suffixPrev
	var steps []string
	if ok {
		steps = append(steps, `ALTER SCHEMA `+quote(name)+` RENAME TO `+quote(previous),
			fmt.Sprintf(`UPDATE portal.generation SET schema = '%s', state = 'prev', epoch = epoch + 1 WHERE id = %d`, previous, live.ID))
	}
	steps = append(steps, `ALTER SCHEMA `+quote(b.gen.Schema)+` RENAME TO `+quote(name),
		fmt.Sprintf(`UPDATE portal.generation SET schema = '%s', state = 'live', epoch = epoch + 1, swapped = now(), error = NULL, error_since = NULL WHERE id = %d`, name, next.ID))
	_, err = tx.Exec(ctx, strings.Join(steps, ";"))
	return err
}

// lockTables waits for queries on the live tables. It gives up long before Postgres looks for deadlocks, in which it might
// be the reader that fails, and tries again.
func (b *build) lockTables(ctx context.Context, tx pgx.Tx) error {
	defs, err := describe(ctx, tx, b.view.Name)
	if err != nil {
		return err
	}
	var tables []string
	for table := range defs {
		tables = append(tables, pgx.Identifier{b.view.Name, table}.Sanitize())
	}
	slices.Sort(tables)
	for range lockTries {
		err = pgx.BeginFunc(ctx, tx, func(try pgx.Tx) error {
			_, err := try.Exec(ctx, `SET LOCAL lock_timeout = '200ms'; LOCK TABLE `+strings.Join(tables, ", ")+` IN ACCESS EXCLUSIVE MODE`)
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

func lockGeneration(ctx context.Context, tx pgx.Tx, schema string) (Generation, bool, error) {
	if _, err := tx.Exec(ctx, `SELECT FROM portal.generation WHERE schema = $1 FOR UPDATE`, schema); err != nil {
		return Generation{}, false, err
	}
	return find(ctx, tx, schema)
}
