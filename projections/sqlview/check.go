package sqlview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/projections"
)

// errRolledBack ends the trial of a definition, whose tables must not stay.
var errRolledBack = errors.New("rolled back")

// Check tries a view in the database, with the rights that it will have: makes its tables, and lets Postgres look at all its
// statements. Nothing stays. Errors are joined Mistakes.
func (v *View) Check(ctx context.Context, db *pgxpool.Pool) error {
	var wrong error
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if err := v.enterTrial(ctx, tx); err != nil {
			return err
		}
		for _, s := range v.schema {
			if _, err := tx.Exec(ctx, s.text); err != nil {
				wrong = errors.Join(wrong, s.mistake(err))
				return errRolledBack // what follows needs it
			}
		}
		wrong = errors.Join(wrong, v.checkKeys(ctx, tx))
		for _, s := range v.events {
			wrong = errors.Join(wrong, s.prepare(ctx, tx, s.oids))
		}
		for _, q := range v.queries {
			wrong = errors.Join(wrong, q.prepare(ctx, tx, nil))
		}
		return errRolledBack
	})
	if err != nil && !errors.Is(err, errRolledBack) {
		return fmt.Errorf("check of view %s: %w", v.Definition.Name, err)
	}
	return wrong
}

func (v *View) enterTrial(ctx context.Context, tx pgx.Tx) error {
	if err := projections.EnsureRole(ctx, tx, v.SQL.Role); err != nil {
		return err
	}
	schema := quote(fmt.Sprintf("%s_trial_%d", v.Definition.Name, time.Now().UnixNano()))
	_, err := tx.Exec(ctx, fmt.Sprintf("CREATE SCHEMA %s AUTHORIZATION %s; SET LOCAL search_path = %s; SET LOCAL statement_timeout = '10s'; SET LOCAL ROLE %s",
		schema, quote(v.SQL.Role), schema, quote(v.SQL.Role)))
	return err
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// checkKeys sees to it that every table can be compared with another, row by row.
func (v *View) checkKeys(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT relname FROM pg_class t WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
		AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = t.oid AND c.contype = 'p') ORDER BY 1`)
	if err != nil {
		return err
	}
	without, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, table := range without {
		err = errors.Join(err, Mistake{schemaFile, v.lineOfTable(table), fmt.Sprintf("table %s has no primary key", table)})
	}
	return err
}

func (v *View) lineOfTable(table string) int {
	for _, s := range v.schema {
		for _, w := range s.words {
			if s.first("create", "table") && w.text == table {
				return w.line
			}
		}
	}
	return 1
}

// prepare lets Postgres parse a statement.
func (s statement) prepare(ctx context.Context, tx pgx.Tx, oids []uint32) error {
	var wrong error
	err := pgx.BeginFunc(ctx, tx, func(try pgx.Tx) error {
		if _, err := try.Conn().PgConn().Prepare(ctx, "", s.text, oids); err != nil {
			wrong = s.mistake(err)
			return errRolledBack
		}
		return nil
	})
	if errors.Is(err, errRolledBack) {
		return wrong
	}
	return err
}

// mistake finds the line that Postgres complains of.
func (s statement) mistake(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return err
	}
	m := Mistake{File: s.file, Line: s.line, Message: pg.Message}
	if pg.Position > 0 {
		before := []rune(s.text)[:min(int(pg.Position)-1, len([]rune(s.text)))]
		m.Line += strings.Count(string(before), "\n")
	}
	for _, more := range []string{pg.Detail, pg.Hint} {
		if more != "" {
			m.Message += ": " + more
		}
	}
	for i, p := range s.params { // Postgres knows them by number
		m.Message = strings.ReplaceAll(m.Message, fmt.Sprintf("parameter $%d", i+1), "parameter :"+p.name)
	}
	return m
}
