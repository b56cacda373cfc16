package projections

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Reading is a moment of the past that queries can be put to: unqualified table names mean its tables. Views that are not in it
// have no tables there, rather than those of today. Until it is closed nobody drops the moment. It is for one goroutine.
type Reading struct {
	Querier
	Moment
	tx pgx.Tx
}

// OpenMoment opens a moment that has been built. The error is ErrNoSuchMoment if there is none of that name, or not yet. db is a
// pool on the server where moments are dropped, not on a replica: locks do not reach that far.
func OpenMoment(ctx context.Context, db *pgxpool.Pool, name string) (*Reading, error) {
	tx, err := db.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	r := &Reading{Querier: tx, tx: tx}
	if r.Moment, err = enterMoment(ctx, tx, name); err != nil {
		r.Close()
		return nil, fmt.Errorf("moment %s: %w", name, err)
	}
	return r, nil
}

func enterMoment(ctx context.Context, tx pgx.Tx, name string) (Moment, error) {
	// First a look: who locked what is not there would be in the way of its builder.
	if err := readyMoment(ctx, tx, name, &Moment{}); err != nil {
		return Moment{}, err
	}
	if _, err := tx.Exec(ctx, lockMomentRead, name); err != nil {
		return Moment{}, err
	}
	var m Moment
	if err := readyMoment(ctx, tx, name, &m); err != nil { // it may have been dropped meanwhile
		return m, err
	}
	path, err := schemasOf(ctx, tx, name)
	if err != nil {
		return m, err
	}
	for i, schema := range path {
		path[i] = quote(schema)
	}
	_, err = tx.Exec(ctx, `SET LOCAL search_path = `+strings.Join(path, ", "))
	return m, err
}

func readyMoment(ctx context.Context, db Querier, name string, m *Moment) error {
	found, ok, err := findMoment(ctx, db, name)
	if err == nil && (!ok || !found.Ready) {
		err = ErrNoSuchMoment
	}
	*m = found
	return err
}

// Close ends the reading. It may be called more than once.
func (r *Reading) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = r.tx.Rollback(ctx) // nothing was written
}
