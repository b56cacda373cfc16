package projections

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pastReader is a Querier with another search path: each query runs in a transaction that sets it.
type pastReader struct {
	db   *pgxpool.Pool
	path string
}

// Query implements Querier.
func (p *pastReader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	tx, err := p.db.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	end := func() { _ = tx.Rollback(context.WithoutCancel(ctx)) } // nothing was written
	if _, err := tx.Exec(ctx, `SET LOCAL search_path = `+p.path); err != nil {
		end()
		return nil, err
	}
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		end()
		return nil, err
	}
	return &pastRows{Rows: rows, end: end}, nil
}

// QueryRow implements Querier.
func (p *pastReader) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := p.Query(ctx, sql, args...)
	return pastRow{rows, err}
}

// pastRows ends the transaction with the rows.
type pastRows struct {
	pgx.Rows
	end func()
}

// Close implements pgx.Rows. It may be called more than once.
func (r *pastRows) Close() {
	r.Rows.Close()
	r.end() // a transaction that has ended does not mind
}

// Next implements pgx.Rows: after the last row they are closed.
func (r *pastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

type pastRow struct {
	rows pgx.Rows
	err  error
}

// Scan implements pgx.Row.
func (r pastRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
