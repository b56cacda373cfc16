package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
)

// copied is one table of the view with all its rows.
type copied struct {
	name string
	data []byte // in the binary format of COPY
}

func dumpTables(ctx context.Context, db *pgxpool.Pool) (all []copied, err error) {
	err = db.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		for _, name := range view().TableNames() {
			var b bytes.Buffer
			if _, err := c.Conn().PgConn().CopyTo(ctx, &b, "COPY "+viewName+"."+name+" TO STDOUT BINARY"); err != nil {
				return err
			}
			all = append(all, copied{name, b.Bytes()})
		}
		return nil
	})
	return all, err
}

// copyAlone is the limit that Postgres sets: the final rows go into tables without indexes, then these are made, and the schema
// gets its name.
func (r *rebuilding) copyAlone(ctx context.Context) (s measure.Sample, err error) {
	err = r.inEmpty(ctx, func(db *pgxpool.Pool) error {
		return db.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
			keys, err := prepareCopy(ctx, c.Conn())
			if err != nil {
				return err
			}
			began := time.Now()
			err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
				for _, t := range r.tables {
					if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(t.data), "COPY "+t.name+" FROM STDIN BINARY"); err != nil {
						return err
					}
				}
				_, err := tx.Exec(ctx, "SET LOCAL maintenance_work_mem = '256MB';"+keys+view().Indexes+";ANALYZE "+strings.Join(view().TableNames(), ", ")+
					";ALTER SCHEMA unnamed RENAME TO "+viewName)
				return err
			})
			s = measure.Sample{Ops: r.events, Took: time.Since(began)}
			return err
		})
	})
	return s, err
}

// prepareCopy makes the tables without their primary keys, and gives the statements that make these.
func prepareCopy(ctx context.Context, c *pgx.Conn) (keys string, err error) {
	if _, err := c.Exec(ctx, "CREATE SCHEMA unnamed; SET search_path = unnamed, public;"+view().Schema); err != nil {
		return "", err
	}
	rows, err := c.Query(ctx, `SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
		WHERE contype = 'p' AND connamespace = 'unnamed'::regnamespace`)
	if err != nil {
		return "", err
	}
	var table, name, definition, drops string
	_, err = pgx.ForEachRow(rows, []any{&table, &name, &definition}, func() error {
		drops += fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;", table, name)
		keys += fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s;", table, name, definition)
		return nil
	})
	if err == nil {
		_, err = c.Exec(ctx, drops)
	}
	return keys, err
}
