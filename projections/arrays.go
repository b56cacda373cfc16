package projections

import (
	"fmt"
	"reflect"
	"slices"
)

// arrayStatements write changed rows that are few.
func (t *tableWriter) arrayStatements(c changes) ([]statement, error) {
	all := t.binding.all()
	var out []statement
	for _, step := range []struct {
		sql     string
		columns []int
		rows    []reflect.Value
		counted bool
	}{
		{t.binding.deleteSQL, t.binding.keys, c.deleted, true}, // first: a row may have gone and come again under a unique value
		{t.binding.updateSQL, all, c.updated, true},
		{t.binding.insertSQL, all, c.inserted, false},
	} {
		if len(step.rows) == 0 {
			continue
		}
		params, oids, err := arrays(t.binding.columns, step.columns, step.rows, 0)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.binding.table, err)
		}
		if step.counted {
			params, oids = append(params, int8Param(int64(len(step.rows)))), append(oids, int8OID)
		}
		out = append(out, statement{sql: step.sql, params: params, oids: oids})
	}
	return out, nil
}

// statements add deltas, and delete the rows that have come to zero: a rebuild would not make them.
func (c *counterWriter) statements(deltas []reflect.Value) ([]statement, error) {
	if len(deltas) == 0 {
		return nil, nil
	}
	all := c.binding.all()
	params, oids, err := arrays(c.binding.columns, all, deltas, 0)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", c.binding.table, err)
	}
	out := []statement{{sql: c.binding.addSQL, params: params, oids: oids}}
	falling := slices.DeleteFunc(slices.Clone(deltas), func(v reflect.Value) bool {
		return !slices.ContainsFunc(c.binding.values, func(i int) bool { return v.FieldByIndex(c.binding.columns[i].index).Int() < 0 })
	})
	if len(falling) == 0 {
		return out, nil
	}
	if params, oids, err = arrays(c.binding.columns, c.binding.keys, falling, 0); err != nil {
		return nil, err
	}
	return append(out, statement{sql: c.binding.dropZeroSQL, params: params, oids: oids}), nil
}

// arrays makes the parameters that a binding's statement unnests.
func arrays(columns []column, which []int, rows []reflect.Value, skip int) (params [][]byte, oids []uint32, err error) {
	for _, i := range which {
		p, err := columns[i].arrayParam(rows, skip)
		if err != nil {
			return nil, nil, err
		}
		params, oids = append(params, p), append(oids, columns[i].arrayOID)
	}
	return params, oids, nil
}
