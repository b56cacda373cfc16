package sqlview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/projections"
)

// lockStore is the advisory lock under which the table of definitions is made.
const lockStore = 0x706f_7274_0002

// migrate makes the table of definitions.
func migrate(ctx context.Context, db *pgxpool.Pool) error {
	if err := projections.Migrate(ctx, db); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(lockStore)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `CREATE TABLE IF NOT EXISTS portal.analyst_view (
			name       text        PRIMARY KEY,
			definition json        NOT NULL, -- the files, as they were added
			added      timestamptz NOT NULL DEFAULT now(),
			removing   boolean     NOT NULL DEFAULT false
		)`)
		return err
	})
}

// Stored lists the definitions that portals run, by name; none in a database that no portal has used.
func Stored(ctx context.Context, db projections.Querier) ([]Definition, error) {
	rows, err := db.Query(ctx, `SELECT definition FROM portal.analyst_view WHERE NOT removing ORDER BY name`)
	var all []Definition
	if err == nil {
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Definition, err error) {
			var text []byte
			if err := row.Scan(&text); err != nil {
				return d, err
			}
			return d, json.Unmarshal(text, &d)
		})
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("analysts' views: %w", err)
	}
	return all, nil
}

// StoredViews are the stored definitions as views, for engines that work on them beside those of the portal. It leaves out what
// a newer build has added and this one does not understand.
func StoredViews(ctx context.Context, db projections.Querier) (out []projections.View, err error) {
	all, err := Stored(ctx, db)
	for _, d := range all {
		if v, wrong := Compile(d); wrong == nil {
			out = append(out, v.View)
		}
	}
	return out, err
}

func find(ctx context.Context, db projections.Querier, name string) (Definition, bool, error) {
	all, err := Stored(ctx, db)
	for _, d := range all {
		if d.Name == name {
			return d, true, err
		}
	}
	return Definition{}, false, err
}

func put(ctx context.Context, db *pgxpool.Pool, d Definition) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, `INSERT INTO portal.analyst_view (name, definition) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET definition = $2, added = now(), removing = false`, d.Name, text)
	return err
}

// Add checks a view, builds it beside the one that may be live, swaps it in and stores its definition, which portals then run.
// Repeated, it does nothing twice. c names database, log and the portal's own views; report may be nil.
func Add(ctx context.Context, c projections.Config, d Definition, report func(projections.Progress)) error {
	v, err := Compile(d)
	if err != nil {
		return err
	}
	for _, own := range c.Views {
		if own.Name == d.Name {
			return Mistake{viewFile, lineOf(d.Files[viewFile], "name:"), fmt.Sprintf("the portal has a view %s of its own", d.Name)}
		}
	}
	if err := migrate(ctx, c.DB); err != nil {
		return err
	}
	before, ok, err := find(ctx, c.DB, d.Name)
	switch {
	case err != nil:
		return err
	case ok && before.Version > d.Version:
		return Mistake{viewFile, lineOf(d.Files[viewFile], "version:"), fmt.Sprintf("version %d of it was added already", before.Version)}
	case ok && before.Version == d.Version && !before.sameTables(d):
		return Mistake{viewFile, lineOf(d.Files[viewFile], "version:"), fmt.Sprintf("what fills the tables has changed, but the version is still %d; raise it", d.Version)}
	}
	if err := v.Check(ctx, c.DB); err != nil {
		return err
	}
	if !ok || before.Version != d.Version {
		if err := v.build(ctx, c, report); err != nil {
			return err
		}
	}
	return put(ctx, c.DB, d)
}

func (v *View) build(ctx context.Context, c projections.Config, report func(projections.Progress)) error {
	c.Views, c.Policies = []projections.View{v.View}, nil
	e, err := projections.New(c)
	if err != nil {
		return err
	}
	defer e.Stop()
	return e.Rebuild(ctx, v.Definition.Name, report)
}

// removeWait is how long portals have to let go of a view, which they look for once a second.
const removeWait = 15 * time.Second

// ErrNotStored says that no such view was added.
var ErrNotStored = errors.New("no such view was added by an analyst")

// Remove takes a view from all portals and drops its tables, all generations of them. Its folder can be added again.
func Remove(ctx context.Context, db *pgxpool.Pool, name string) error {
	// The definition goes last: a removal that was broken off can be repeated. Until then it is marked, and not run.
	tag, err := db.Exec(ctx, `UPDATE portal.analyst_view SET removing = true WHERE name = $1`, name)
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P01" || err == nil && tag.RowsAffected() == 0 {
		return fmt.Errorf("view %s: %w", name, ErrNotStored)
	}
	if err != nil {
		return err
	}
	if err := awaitIdle(ctx, db, name); err != nil {
		return fmt.Errorf("view %s: %w", name, err)
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return drop(ctx, tx, name) })
	if err != nil {
		return fmt.Errorf("remove view %s: %w", name, err)
	}
	// The role may have rights in another database of the server; then it stays.
	_, err = db.Exec(ctx, `DROP ROLE IF EXISTS `+quote(rolePrefix+name))
	if errors.As(err, &pg) && pg.Code == "2BP01" {
		return nil
	}
	return err
}

// leases are the names under which portals hold the generations of a view.
func leases(name string) []string {
	return []string{name, name + "_next", name + "_prev", name + "_check"}
}

// awaitIdle waits until no portal moves any generation of the view.
func awaitIdle(ctx context.Context, db *pgxpool.Pool, name string) error {
	for end := time.Now().Add(removeWait); ; {
		var busy bool
		err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM portal.lease l JOIN pg_stat_activity a ON a.pid = l.pid AND a.backend_start = l.pid_started
			WHERE l.owner <> '' AND l.name = ANY ($1))`, leases(name)).Scan(&busy)
		if err != nil || !busy {
			return err
		}
		if time.Now().After(end) {
			return errors.New("a portal still works on it; try again")
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func drop(ctx context.Context, tx pgx.Tx, name string) error {
	rows, err := tx.Query(ctx, `DELETE FROM portal.generation WHERE view = $1 RETURNING schema`, name)
	if err != nil {
		return err
	}
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, s := range schemas {
		if _, err := tx.Exec(ctx, `DROP SCHEMA IF EXISTS `+quote(s)+` CASCADE`); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM portal.lease WHERE name = ANY ($1)`, append(schemas, leases(name)...)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM portal.paused WHERE view = $1`, name); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `DELETE FROM portal.analyst_view WHERE name = $1`, name)
	return err
}
