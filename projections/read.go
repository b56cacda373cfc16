package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore"
)

// planChanged is the SQLSTATE of a prepared statement whose result has changed its type, as a swap to a new version of a
// view may do. Each connection of a pool meets it once at most.
const planChanged = "0A000"

// maxPlans bounds the repetitions: one for each connection that may still have an old plan.
const maxPlans = 10

// Rows runs a query and scans each row into a struct, by `db` tags. It repeats a query whose plan a swap has made invalid.
func Rows[T any](ctx context.Context, db Querier, sql string, args ...any) ([]T, error) {
	return repeat(func() ([]T, error) {
		rows, err := db.Query(ctx, sql, args...)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, pgx.RowToStructByName[T])
	})
}

// Row is Rows for a query of one row; pgx.ErrNoRows if there is none.
func Row[T any](ctx context.Context, db Querier, sql string, args ...any) (T, error) {
	return repeat(func() (T, error) {
		rows, err := db.Query(ctx, sql, args...)
		if err != nil {
			var none T
			return none, err
		}
		return pgx.CollectOneRow(rows, pgx.RowToStructByName[T])
	})
}

// Together puts several queries to the database in one round trip. queue is called again when the queries are repeated.
func Together(ctx context.Context, db Querier, queue func(*pgx.Batch)) error {
	_, err := repeat(func() (struct{}, error) {
		var b pgx.Batch
		queue(&b)
		return struct{}{}, db.SendBatch(ctx, &b).Close()
	})
	return err
}

func repeat[T any](query func() (T, error)) (out T, err error) {
	for range maxPlans {
		out, err = query()
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != planChanged {
			return out, err
		}
	}
	return out, err
}

const selectPosition = `SELECT commit, prepare FROM portal.generation WHERE schema = $1`

// QueuePosition is Position for Together. Queue it before what reads rows.
func QueuePosition(b *pgx.Batch, view string, at *eventstore.Position) {
	b.Queue(selectPosition, view).Query(func(rows pgx.Rows) error {
		*at = eventstore.Position{}
		var commit, prepare int64
		_, err := pgx.ForEachRow(rows, []any{&commit, &prepare}, func() error {
			*at = eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)} //nolint:gosec // never negative
			return nil
		})
		return err
	})
}

// Position is how far the live tables of a view follow the log; zero if the view does not exist. Read it before the rows:
// then it is never newer than they are.
func Position(ctx context.Context, db Querier, view string) (eventstore.Position, error) {
	var commit, prepare int64
	err := db.QueryRow(ctx, selectPosition, view).Scan(&commit, &prepare)
	var pg *pgconn.PgError
	if errors.Is(err, pgx.ErrNoRows) || errors.As(err, &pg) && pg.Code == "42P01" { // a portal that has never run
		return eventstore.Position{}, nil
	}
	if err != nil {
		return eventstore.Position{}, fmt.Errorf("position of view %s: %w", view, err)
	}
	return eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)}, nil //nolint:gosec // never negative
}

// How Await looks for a move of which it gets no signal.
const (
	pollMin = time.Millisecond
	pollMax = 50 * time.Millisecond
)

// Await waits until the live tables of a view hold everything up to a position, and answers the position that they have
// reached. When the context ends first the error is ErrNotYet. signals may be nil; with those of the engine that runs here,
// Await wakes at once when it writes. In any case it looks at db, which may be a replica, now and then.
func Await(ctx context.Context, db Querier, signals *Signals, view string, at eventstore.Position) (eventstore.Position, error) {
	var now eventstore.Position
	for pause := pollMin; ; pause = min(2*pause, pollMax) {
		var changed <-chan struct{}
		if signals != nil {
			changed = signals.Changed(view)
		}
		reached, err := Position(ctx, db, view)
		if err == nil {
			now = reached
		}
		if ctx.Err() != nil {
			return now, fmt.Errorf("%w: view %s is at %s, wanted %s", ErrNotYet, view, now, at)
		}
		if err != nil || now.Compare(at) >= 0 {
			return now, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// Await is the function Await, woken by this engine.
func (e *Engine) Await(ctx context.Context, db Querier, view string, at eventstore.Position) (eventstore.Position, error) {
	return Await(ctx, db, e.signals, view, at)
}

// OpenReaders opens a pool for queries, read-only: apart from that of the projectors, so that neither can starve the other. Unqualified
// table names are looked up in the live schemas of the views, and then in that of live data, so that the same query can be put
// to another generation of theirs; then no two views may have tables of one name.
func OpenReaders(ctx context.Context, url string, views ...View) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	path, owner := "", map[string]string{}
	for _, v := range views {
		for _, t := range v.Tables {
			for _, name := range append(t.counterTables(), t.table()) {
				if other := owner[name]; other != "" {
					return nil, fmt.Errorf("the views %s and %s both have a table %s", other, v.Name, name)
				}
				owner[name] = v.Name
			}
		}
		path += quote(v.Name) + ", "
	}
	c.ConnConfig.RuntimeParams["search_path"] = path + "live, public"
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	c.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	return pgxpool.NewWithConfig(ctx, c)
}
