package projections

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/jackc/pgx/v5"
)

// flushStaged writes a large batch: new rows by COPY into the table, changed ones by COPY into a temporary table from
// which one statement updates. It takes several round trips, so it opens a transaction.
func (w *writer) flushStaged(ctx context.Context, first []statement, changed []changes) error {
	if err := w.run(ctx, append([]statement{{sql: "BEGIN"}}, first...)); err != nil {
		return err
	}
	for i, t := range w.tables {
		if err := w.stageTable(ctx, t, changed[i]); err != nil {
			return err
		}
		for _, c := range t.counters {
			statements, err := c.statements(c.deltas())
			if err != nil {
				return err
			}
			if err := w.run(ctx, statements); err != nil {
				return err
			}
		}
	}
	return w.run(ctx, []statement{{sql: "COMMIT"}})
}

func (w *writer) stageTable(ctx context.Context, t *tableWriter, c changes) error {
	var staged, copied []reflect.Value
	if len(c.updated) >= stageFrom {
		staged, c.updated = c.updated, nil
	}
	if len(c.inserted) >= stageFrom {
		copied, c.inserted = c.inserted, nil
	}
	statements, err := t.arrayStatements(c)
	if err != nil {
		return err
	}
	if err := w.run(ctx, statements); err != nil {
		return err
	}
	if len(staged) > 0 {
		if err := w.updateStaged(ctx, t.binding, staged); err != nil {
			return err
		}
	}
	if len(copied) == 0 {
		return nil
	}
	if !w.filling {
		return w.copyIn(ctx, t.binding.copySQL, t.binding.columns, copied)
	}
	return w.copyUnindexed(ctx, t.binding, copied)
}

func (w *writer) updateStaged(ctx context.Context, b *binding, rows []reflect.Value) error {
	if _, err := w.conn.Exec(ctx, b.stageSQL); err != nil {
		return err
	}
	if err := w.copyIn(ctx, b.stageCopySQL, b.columns, rows); err != nil {
		return err
	}
	return w.run(ctx, []statement{{sql: b.stagedUpdateSQL, params: [][]byte{int8Param(int64(len(rows)))}, oids: []uint32{int8OID}}})
}

// copyUnindexed fills a table that is empty. Its primary key is made after, which is faster than row by row.
func (w *writer) copyUnindexed(ctx context.Context, b *binding, rows []reflect.Value) error {
	var name, definition string
	err := w.conn.QueryRow(ctx, `SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE contype = 'p' AND conrelid = $1::regclass
		AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.conrelid)`, b.target()).Scan(&name, &definition)
	if errors.Is(err, pgx.ErrNoRows) {
		return w.copyIn(ctx, b.copySQL, b.columns, rows)
	}
	if err != nil {
		return err
	}
	if _, err := w.conn.Exec(ctx, fmt.Sprintf("SET LOCAL maintenance_work_mem = '256MB'; ALTER TABLE %s DROP CONSTRAINT %s", b.target(), quote(name))); err != nil {
		return err
	}
	if err := w.copyIn(ctx, b.copySQL, b.columns, rows); err != nil {
		return err
	}
	_, err = w.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", b.target(), quote(name), definition))
	return fromPostgres(err)
}
