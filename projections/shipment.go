package projections

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
)

// shipment is what one transaction writes. Few rows of a table go by statements with arrays; many new ones by COPY into the
// table, and many changed ones by COPY into a temporary table from which one statement updates.
type shipment struct {
	legs  []leg // one without rows is a transaction by itself
	grown int   // new rows
}

// leg is statements that go in one round trip, and then rows by COPY.
type leg struct {
	statements []statement
	bulk       *bulk // nil: no rows
}

// bulk is rows of a table.
type bulk struct {
	*copyReader
	table  *binding
	staged bool // they go into the temporary table
	empty  bool // the table has no rows yet, and no readers
}

func (s *shipment) add(more ...statement) {
	last := s.last()
	last.statements = append(last.statements, more...)
}

func (s *shipment) copy(b bulk, rows []reflect.Value) {
	b.copyReader = &copyReader{columns: b.table.columns, rows: rows}
	s.last().bulk = &b
}

// last is the leg that takes more.
func (s *shipment) last() *leg {
	if len(s.legs) == 0 || s.legs[len(s.legs)-1].bulk != nil {
		s.legs = append(s.legs, leg{})
	}
	return &s.legs[len(s.legs)-1]
}

// pack makes a shipment of what differs between memory and Postgres. Temporary tables are kept if there is more: a session that
// kept them for weeks would hold up the freezing of old rows in the whole database.
func (w *writer) pack(more bool) (s shipment, err error) {
	fence, err := w.fence()
	if err != nil {
		return s, err
	}
	s.add(fence)
	s.add(w.leavePassed()...)
	for _, t := range w.tables {
		c, err := t.set.changes()
		if err != nil {
			return s, err
		}
		if err := w.packTable(&s, t, c); err != nil {
			return s, err
		}
	}
	if !more {
		for _, b := range w.stages {
			s.add(statement{sql: b.unstageSQL})
		}
		w.stages = nil
	}
	if len(s.legs) > 1 || s.legs[0].bulk != nil {
		s.legs[0].statements = append([]statement{{sql: "BEGIN"}}, s.legs[0].statements...)
		s.add(statement{sql: "COMMIT"})
	}
	return s, nil
}

func (w *writer) packTable(s *shipment, t *tableWriter, c changes) error {
	s.grown += len(c.inserted)
	for _, rows := range [][]reflect.Value{c.inserted, c.updated, c.deleted} {
		t.binding.sortByKey(rows, 0)
	}
	var staged, copied []reflect.Value
	if len(c.updated) >= stageFrom {
		staged, c.updated = c.updated, nil
	}
	if len(c.inserted) >= stageFrom {
		copied, c.inserted = c.inserted, nil
	}
	few, err := t.arrayStatements(c)
	if err != nil {
		return err
	}
	s.add(few...)
	if staged != nil {
		w.packStaged(s, t.binding, staged)
	}
	if copied != nil {
		s.copy(bulk{table: t.binding, empty: w.filling}, copied)
	}
	for _, counter := range t.counters {
		sums, err := counter.statements(counter.deltas())
		if err != nil {
			return err
		}
		s.add(sums...)
	}
	return nil
}

func (w *writer) packStaged(s *shipment, b *binding, rows []reflect.Value) {
	if !slices.Contains(w.stages, b) {
		w.stages = append(w.stages, b)
		s.add(statement{sql: b.stageSQL})
	}
	s.copy(bulk{table: b, staged: true}, rows)
	s.add(statement{sql: b.stagedUpdateSQL, params: [][]byte{int8Param(int64(len(rows)))}, oids: []uint32{int8OID}})
}

// encode encodes the rows that are else encoded as they are sent: then these may change meanwhile.
func (s *shipment) encode() error {
	for _, l := range s.legs {
		if l.bulk == nil {
			continue
		}
		if err := l.bulk.encode(); err != nil {
			return fmt.Errorf("table %s: %w", l.bulk.table.table, err)
		}
	}
	return nil
}

// send writes a shipment over a connection.
func (s *shipment) send(ctx context.Context, c *session) error {
	for _, l := range s.legs {
		if err := c.run(ctx, l.statements); err != nil {
			return err
		}
		if l.bulk == nil {
			continue
		}
		if err := l.bulk.send(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (b *bulk) send(ctx context.Context, c *session) error {
	switch {
	case b.staged:
		return c.copyIn(ctx, b.table.stageCopySQL, b.copyReader)
	case b.empty:
		return c.copyUnindexed(ctx, b.table, b.copyReader)
	}
	return c.copyIn(ctx, b.table.copySQL, b.copyReader)
}

// copyUnindexed fills a table that is empty. Its primary key is made after, which is faster than row by row.
func (s *session) copyUnindexed(ctx context.Context, b *binding, rows *copyReader) error {
	var name, definition string
	err := s.conn.QueryRow(ctx, `SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE contype = 'p' AND conrelid = $1::regclass
		AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.conrelid)`, b.target()).Scan(&name, &definition)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.copyIn(ctx, b.copySQL, rows)
	}
	if err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, fmt.Sprintf("SET LOCAL maintenance_work_mem = '256MB'; ALTER TABLE %s DROP CONSTRAINT %s", b.target(), quote(name))); err != nil {
		return err
	}
	if err := s.copyIn(ctx, b.copySQL, rows); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", b.target(), quote(name), definition))
	return fromPostgres(err)
}
