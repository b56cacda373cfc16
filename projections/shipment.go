package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// shipment is what one transaction writes. Few rows of a table go by statements with arrays; many new ones by COPY into the
// table, and many changed ones by COPY into a temporary table from which one statement updates.
type shipment struct {
	first  []statement
	tables []tableShipment
	copies bool // several round trips in a transaction, instead of one that is one
	grown  int  // new rows
}

type tableShipment struct {
	table          *tableWriter
	statements     []statement
	staged, copied *copyReader // nil: none
	sums           []statement
}

// pack makes a shipment of what differs between memory and Postgres.
func (w *writer) pack() (s shipment, err error) {
	fence, err := w.fence()
	if err != nil {
		return s, err
	}
	s.first = append([]statement{fence}, w.leavePassed()...)
	for _, t := range w.tables {
		c, err := t.set.changes()
		if err != nil {
			return s, err
		}
		s.grown += len(c.inserted)
		packed, err := t.pack(c)
		if err != nil {
			return s, err
		}
		s.copies = s.copies || packed.staged != nil || packed.copied != nil
		s.tables = append(s.tables, packed)
	}
	return s, nil
}

func (t *tableWriter) pack(c changes) (s tableShipment, err error) {
	s.table = t
	if len(c.updated) >= stageFrom {
		s.staged, c.updated = &copyReader{columns: t.binding.columns, rows: c.updated}, nil
	}
	if len(c.inserted) >= stageFrom {
		s.copied, c.inserted = &copyReader{columns: t.binding.columns, rows: c.inserted}, nil
	}
	if s.statements, err = t.arrayStatements(c); err != nil {
		return s, err
	}
	for _, c := range t.counters {
		more, err := c.statements(c.deltas())
		if err != nil {
			return s, err
		}
		s.sums = append(s.sums, more...)
	}
	return s, nil
}

// encode encodes the rows that are else encoded as they are sent: then these may change meanwhile.
func (s shipment) encode() error {
	for _, t := range s.tables {
		for _, r := range []*copyReader{t.staged, t.copied} {
			if r == nil {
				continue
			}
			if err := r.encode(); err != nil {
				return fmt.Errorf("table %s: %w", t.table.binding.table, err)
			}
		}
	}
	return nil
}

// send writes a shipment over a connection. With filling, tables are empty and nobody reads them.
func (s shipment) send(ctx context.Context, c *session, filling bool) error {
	if !s.copies {
		all := s.first
		for _, t := range s.tables {
			all = append(append(all, t.statements...), t.sums...)
		}
		return c.run(ctx, all)
	}
	if err := c.run(ctx, append([]statement{{sql: "BEGIN"}}, s.first...)); err != nil {
		return err
	}
	for _, t := range s.tables {
		if err := t.send(ctx, c, filling); err != nil {
			return err
		}
	}
	return c.run(ctx, []statement{{sql: "COMMIT"}})
}

func (s tableShipment) send(ctx context.Context, c *session, filling bool) error {
	b := s.table.binding
	if err := c.run(ctx, s.statements); err != nil {
		return err
	}
	if s.staged != nil {
		if err := c.updateStaged(ctx, b, s.staged); err != nil {
			return err
		}
	}
	if s.copied != nil {
		fill := c.copyInto
		if filling {
			fill = c.copyUnindexed
		}
		if err := fill(ctx, b, s.copied); err != nil {
			return err
		}
	}
	return c.run(ctx, s.sums)
}

func (s *session) copyInto(ctx context.Context, b *binding, rows *copyReader) error {
	return s.copyIn(ctx, b.copySQL, rows)
}

func (s *session) updateStaged(ctx context.Context, b *binding, rows *copyReader) error {
	if _, err := s.conn.Exec(ctx, b.stageSQL); err != nil {
		return err
	}
	if err := s.copyIn(ctx, b.stageCopySQL, rows); err != nil {
		return err
	}
	return s.run(ctx, []statement{{sql: b.stagedUpdateSQL, params: [][]byte{int8Param(int64(len(rows.rows)))}, oids: []uint32{int8OID}}})
}

// copyUnindexed fills a table that is empty. Its primary key is made after, which is faster than row by row.
func (s *session) copyUnindexed(ctx context.Context, b *binding, rows *copyReader) error {
	var name, definition string
	err := s.conn.QueryRow(ctx, `SELECT conname, pg_get_constraintdef(c.oid) FROM pg_constraint c WHERE contype = 'p' AND conrelid = $1::regclass
		AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = c.conrelid)`, b.target()).Scan(&name, &definition)
	if errors.Is(err, pgx.ErrNoRows) {
		return s.copyInto(ctx, b, rows)
	}
	if err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, fmt.Sprintf("SET LOCAL maintenance_work_mem = '256MB'; ALTER TABLE %s DROP CONSTRAINT %s", b.target(), quote(name))); err != nil {
		return err
	}
	if err := s.copyInto(ctx, b, rows); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", b.target(), quote(name), definition))
	return fromPostgres(err)
}
