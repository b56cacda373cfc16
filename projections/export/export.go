// Package export writes tables of read models, and what queries of them answer, to files for notebooks and spreadsheets. Rows
// are streamed: none of the formats needs them all in memory.
package export

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Kind is what a column holds. All that is none of these (lists, JSON, UUIDs, dates) travels as text.
type Kind int

// The kinds of columns.
const (
	Text    Kind = iota // string
	Integer             // int64
	Float               // float64; numeric values too
	Boolean             // bool
	Instant             // time.Time in UTC, to the microsecond
)

// Column is a column of an export.
type Column struct {
	Name string
	Kind Kind
}

// Source is one table of an export.
type Source struct {
	Name  string
	SQL   string
	Args  []any
	Setup string // is run before, in the same read-only transaction
}

// TableSource is a table of a schema in the order of its columns.
func TableSource(schema, table string) Source {
	return Source{Name: table, SQL: `TABLE ` + pgx.Identifier{schema, table}.Sanitize()}
}

// Writer is a file format. Begin, its rows and End come for each table; a cell is nil, or what its column's kind says.
type Writer interface {
	Begin(table string, columns []Column) error
	Row(cells []any) error
	End() error
}

// Progress of an export.
type Progress struct {
	Table     string
	Rows      int64 // of this table
	PerSecond float64
}

const (
	reportEvery = 500 * time.Millisecond
	checkEvery  = 1000 // rows between looks at the clock
)

// Run writes all sources, as they are at one moment. report may be nil.
func Run(ctx context.Context, db *pgxpool.Pool, sources []Source, to Writer, report func(Progress)) error {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	return pgx.BeginTxFunc(ctx, db, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'iso_8601'`); err != nil {
			return err
		}
		// All tables are named before the first is read: one that a swap exchanged meanwhile would look empty from here.
		for _, s := range sources {
			if _, err := s.describe(ctx, tx); err != nil {
				return fmt.Errorf("export of %s: %w", s.Name, err)
			}
		}
		for _, s := range sources {
			if err := s.run(ctx, tx, to, report); err != nil {
				return fmt.Errorf("export of %s: %w", s.Name, err)
			}
		}
		return nil
	})
}

// describe tells the columns, and holds the tables until the end of the transaction.
func (s Source) describe(ctx context.Context, tx pgx.Tx) (*pgconn.StatementDescription, error) {
	if s.Setup != "" {
		if _, err := tx.Exec(ctx, s.Setup); err != nil {
			return nil, err
		}
	}
	return tx.Conn().Prepare(ctx, "", s.SQL)
}

func (s Source) run(ctx context.Context, tx pgx.Tx, to Writer, report func(Progress)) error {
	described, err := s.describe(ctx, tx)
	if err != nil {
		return err
	}
	columns, sql := plan(described.Fields, s.SQL)
	if err := to.Begin(s.Name, columns); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, sql, append([]any{pgx.QueryExecModeDescribeExec}, s.Args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	began, last := time.Now(), time.Now()
	n := int64(0)
	for ; rows.Next(); n++ {
		cells, err := rows.Values()
		if err != nil {
			return err
		}
		for i := range cells {
			cells[i] = settle(cells[i])
		}
		if err := to.Row(cells); err != nil {
			return err
		}
		if report != nil && n%checkEvery == 0 && time.Since(last) >= reportEvery {
			last = time.Now()
			report(Progress{s.Name, n, float64(n) / time.Since(began).Seconds()})
		}
	}
	if err := errors.Join(rows.Err(), to.End()); err != nil {
		return err
	}
	if report != nil {
		report(Progress{s.Name, n, float64(n) / max(time.Since(began).Seconds(), 1e-6)})
	}
	return nil
}

// plan brings every column to one of the kinds, in Postgres, which knows how to write all of its types.
func plan(fields []pgconn.FieldDescription, sql string) (columns []Column, casted string) {
	var list, names []string
	seen := map[string]int{}
	for i, f := range fields {
		column := Column{Name: f.Name}
		if seen[f.Name]++; seen[f.Name] > 1 {
			column.Name = fmt.Sprintf("%s_%d", f.Name, seen[f.Name])
		}
		name := fmt.Sprintf("c%d", i)
		expression := name + "::text"
		switch f.DataTypeOID {
		case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
			column.Kind, expression = Integer, name+"::bigint"
		case pgtype.Float4OID, pgtype.Float8OID, pgtype.NumericOID:
			column.Kind, expression = Float, name+"::float8"
		case pgtype.BoolOID:
			column.Kind, expression = Boolean, name
		case pgtype.TimestamptzOID, pgtype.TimestampOID:
			column.Kind, expression = Instant, name+"::timestamptz"
		case pgtype.ByteaOID:
			expression = "encode(" + name + ", 'hex')"
		case pgtype.TextArrayOID, pgtype.VarcharArrayOID, pgtype.Int8ArrayOID, pgtype.Int4ArrayOID, pgtype.UUIDArrayOID, pgtype.BoolArrayOID:
			expression = "to_json(" + name + ")::text"
		}
		list, names, columns = append(list, expression), append(names, name), append(columns, column)
	}
	return columns, fmt.Sprintf("SELECT %s FROM (%s) AS q (%s)", strings.Join(list, ", "), sql, strings.Join(names, ", "))
}

// settle gives cells the forms that formats share. Times before the portal's day are Go's zero time, which views keep where
// nothing is known, and infinities: neither has a place in a notebook.
func settle(v any) any {
	switch v := v.(type) {
	case time.Time:
		if v.Year() <= 1 {
			return nil
		}
		return v.UTC()
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case pgtype.InfinityModifier:
		return nil
	}
	return v
}
