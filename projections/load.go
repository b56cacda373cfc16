package projections

import (
	"context"
	"fmt"
	"reflect"
)

// load reads the rows that are touched and not in memory: one query for each table, all in one round trip.
func (w *writer) load(ctx context.Context) error {
	var statements []statement
	for _, t := range w.tables {
		keys := t.set.missing()
		if len(keys) == 0 {
			continue
		}
		t.binding.sortByKey(keys, 1)
		params, oids, err := arrays(t.binding.columns, t.binding.keys, keys, 1)
		if err != nil {
			return w.fail(err)
		}
		statements = append(statements, statement{sql: t.binding.loadSQL, oids: oids, params: params, row: t.scanRow})
	}
	if len(statements) == 0 {
		return nil
	}
	s, err := w.loading(ctx)
	if err == nil {
		err = s.run(ctx, statements)
	}
	return w.fail(err)
}

func (t *tableWriter) scanRow(values [][]byte) error { return t.scan(values, t.set.load) }

func (t *tableWriter) scan(values [][]byte, next func() (row reflect.Value, scanned func())) error {
	row, scanned := next()
	for i := range t.binding.columns {
		c := &t.binding.columns[i]
		if err := c.scan(values[i], row.FieldByIndex(c.index)); err != nil {
			return dataError{fmt.Errorf("table %s, column %s: %w", t.binding.table, c.column, err)}
		}
	}
	scanned()
	return nil
}

// loading is the connection to load rows over.
func (w *writer) loading(ctx context.Context) (*session, error) {
	if w.flight == nil {
		return w.session, nil
	}
	if w.loader == nil {
		s, err := newSession(ctx, w.db)
		if err != nil {
			return nil, err
		}
		w.loader = s
	}
	return w.loader, nil
}
