// Package projectiontest shows that a view's rows follow from its events, however these arrive.
package projectiontest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// Start is when the first event of a history happens; the others follow second by second.
var Start = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// On is an event as it stands in a stream. History fills in the rest.
func On(stream domain.Stream, e domain.Event) eventstore.Recorded {
	return eventstore.Recorded{Stream: stream, Event: e}
}

// History gives events ids, times, revisions and positions, as a log would, where they have none.
func History(events ...eventstore.Recorded) []eventstore.Recorded {
	out := slices.Clone(events)
	revisions := map[domain.Stream]eventstore.Revision{}
	for i := range out {
		r := &out[i]
		r.Type, r.Link, r.Revision = r.Event.EventType(), eventstore.NoStream, revisions[r.Stream]
		revisions[r.Stream]++
		at := uint64(100 * (i + 1)) //nolint:gosec // small
		r.Position = eventstore.Position{Commit: at, Prepare: at}
		if r.At.IsZero() {
			r.At = Start.Add(time.Duration(i) * time.Second)
		}
		if r.ID == uuid.Nil {
			r.ID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%d", i))
		}
	}
	return out
}

// Given is a view that has seen a history.
type Given struct {
	t  testing.TB
	db *pgxpool.Pool // for readers
}

// Run brings a history to a view in every way there is: live in one batch, event by event, in random batches of which some
// come again as a whole or in part, rebuilt in memory, rebuilt with hardly any memory. The rows must be the same each time.
// Random choices are made from a seed that is logged.
func Run(t testing.TB, view projections.View, events ...eventstore.Recorded) *Given {
	t.Helper()
	url := postgrestest.URL(t)
	open := func(c func() (*pgxpool.Pool, error)) *pgxpool.Pool {
		pool, err := c()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		return pool
	}
	db := open(func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
	seed := rand.Uint64()
	t.Logf("random batches from seed %d", seed)
	CheckAll(t, db, view, events, rand.New(rand.NewPCG(seed, 0))) //nolint:gosec // not a secret
	return &Given{t: t, db: open(func() (*pgxpool.Pool, error) { return projections.OpenReaders(t.Context(), url, view) })}
}

// Failer is a testing.TB, or the one of a property test.
type Failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// CheckAll is what Run does, in a database of the caller's. Besides "<view>" it makes live schemas for each way.
func CheckAll(t Failer, db *pgxpool.Pool, view projections.View, events []eventstore.Recorded, random *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	history := History(events...)
	var want map[string]string
	for _, way := range []struct {
		name string
		do   func(context.Context, *pgxpool.Pool, projections.View, []eventstore.Recorded) error
	}{
		{"", live(wholeBatch)},
		{"_single", live(singly)},
		{"_random", live(func(h []eventstore.Recorded) []eventstore.Batch { return randomly(h, random) })},
		{"_rebuilt", rebuilt(0)},
		{"_spilled", rebuilt(3)},
	} {
		v := view
		v.Name += way.name
		if err := way.do(ctx, db, v, history); err != nil {
			t.Fatalf("view %s: %v", v.Name, err)
		}
		got, err := projections.Hash(ctx, db, v.Name)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if want == nil {
			want = got
		} else if !maps.Equal(got, want) {
			t.Fatalf("the tables of %s differ from those of %s:\n%s", v.Name, view.Name, differences(ctx, db, got, want, view.Name, v.Name))
		}
	}
}

func differences(ctx context.Context, db *pgxpool.Pool, got, want map[string]string, a, b string) (text string) {
	for table := range want {
		if got[table] == want[table] {
			continue
		}
		for _, p := range [][2]string{{a, b}, {b, a}} {
			var rows string
			err := db.QueryRow(ctx, fmt.Sprintf("SELECT string_agg(x::text, E'\n') FROM (TABLE %s.%s EXCEPT TABLE %s.%s LIMIT 5) x", p[0], table, p[1], table)).Scan(&rows)
			if err == nil {
				text += fmt.Sprintf("%s.%s has, and the other has not:\n%s\n", p[0], table, rows)
			}
		}
	}
	return text
}

func wholeBatch(h []eventstore.Recorded) []eventstore.Batch { return []eventstore.Batch{{Events: h}} }

func singly(h []eventstore.Recorded) (out []eventstore.Batch) {
	var after eventstore.Position
	for i := range h {
		out = append(out, eventstore.Batch{After: after, Events: h[i : i+1]})
		after = h[i].Position
	}
	return out
}

// randomly cuts a history into batches, each of which may be followed by one that begins anywhere before its end.
func randomly(h []eventstore.Recorded, random *rand.Rand) (out []eventstore.Batch) {
	cut := func(from, to int) eventstore.Batch {
		var after eventstore.Position
		if from > 0 {
			after = h[from-1].Position
		}
		return eventstore.Batch{After: after, Events: h[from:to]}
	}
	for from := 0; from < len(h); {
		to := from + 1 + random.IntN(min(7, len(h)-from))
		out = append(out, cut(from, to))
		for random.IntN(3) == 0 {
			again := random.IntN(to)
			to = min(len(h), to+random.IntN(3))
			out = append(out, cut(again, to))
		}
		from = to
	}
	return out
}

// live builds the view from an empty log and hands it batches, as Watermill does. Now and then the projector is a new one.
func live(cut func([]eventstore.Recorded) []eventstore.Batch) func(context.Context, *pgxpool.Pool, projections.View, []eventstore.Recorded) error {
	return func(ctx context.Context, db *pgxpool.Pool, v projections.View, h []eventstore.Recorded) error {
		log := &Log{}
		batches := cut(h)
		for start := 0; start < len(batches) || start == 0; start += 50 {
			err := with(ctx, db, v, log, 0, func(e *projections.Engine) error {
				for _, b := range batches[start:min(start+50, len(batches))] {
					if err := e.Handler(v.Name)(eventstore.NewMessage(ctx, b)); err != nil {
						return err
					}
					if n := len(b.Events); n > 0 {
						log.Events = append(log.Events, b.Events[n-1])
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func rebuilt(rows int) func(context.Context, *pgxpool.Pool, projections.View, []eventstore.Recorded) error {
	return func(ctx context.Context, db *pgxpool.Pool, v projections.View, h []eventstore.Recorded) error {
		return with(ctx, db, v, &Log{Events: h}, rows, func(*projections.Engine) error { return nil })
	}
}

func with(ctx context.Context, db *pgxpool.Pool, v projections.View, log *Log, rows int, do func(*projections.Engine) error) error {
	e, err := projections.New(projections.Config{DB: db, Store: log, Views: []projections.View{v}, BuildRows: rows})
	if err != nil {
		return err
	}
	if err := projections.Migrate(ctx, db); err != nil {
		return err
	}
	defer e.Stop()
	if _, err := e.Checkpoint(ctx, v.Name); err != nil {
		return err
	}
	return do(e)
}

// DB is a pool whose unqualified table names are those of the view.
func (g *Given) DB() *pgxpool.Pool { return g.db }

// Rows asks the view after its history. T has `db` tags.
func Rows[T any](g *Given, sql string, args ...any) []T {
	g.t.Helper()
	rows, err := projections.Rows[T](g.t.Context(), g.db, sql, args...)
	if err != nil {
		g.t.Fatal(err)
	}
	return rows
}

// Then compares the rows that a query gives with those that are expected.
func Then[T any](g *Given, sql string, want ...T) {
	g.t.Helper()
	got := Rows[T](g, sql)
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		g.t.Errorf("%s\n got %+v\nwant %+v", sql, got, want)
	}
}

// Fold folds a history into the rows of one table, of type R, without a database.
func Fold[R any](t testing.TB, table projections.Table, events ...eventstore.Recorded) []R {
	t.Helper()
	rows, err := projections.Fold(table, History(events...))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]R, len(rows))
	for i, row := range rows {
		out[i] = row.(R)
	}
	return out
}

// Refuses checks that the view stops before the last event of a history, and answers why.
func Refuses(t testing.TB, view projections.View, events ...eventstore.Recorded) *projections.EventError {
	t.Helper()
	history := History(events...)
	for _, table := range view.Tables {
		_, err := projections.Fold(table, history)
		var refused *projections.EventError
		if errors.As(err, &refused) {
			if last := history[len(history)-1]; refused.ID != last.ID {
				t.Fatalf("refused %s, not the last event: %v", refused.Type, refused)
			}
			return refused
		}
	}
	t.Fatalf("view %s takes all events", view.Name)
	return nil
}

// Log is a log that only needs to be read. Fields that are nil panic when used otherwise.
type Log struct {
	eventstore.Store
	Events []eventstore.Recorded
}

// ReadAll implements eventstore.Store, forward.
func (l *Log) ReadAll(ctx context.Context, from eventstore.Position, _ eventstore.Direction, _ int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		for _, r := range l.Events {
			if r.Position.Compare(from) <= 0 {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(eventstore.Recorded{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Head implements eventstore.Store.
func (l *Log) Head(context.Context) (eventstore.Position, error) {
	if len(l.Events) == 0 {
		return eventstore.Position{}, nil
	}
	return l.Events[len(l.Events)-1].Position, nil
}

// Read implements eventstore.Store, forward.
func (l *Log) Read(ctx context.Context, stream domain.Stream, from eventstore.Revision, _ eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		n := 0
		for r, err := range l.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0) {
			if err == nil && (r.Stream != stream || r.Revision < from) {
				continue
			}
			if !yield(r, err) {
				return
			}
			if n++; n == limit {
				return
			}
		}
	}
}
