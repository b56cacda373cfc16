package projections_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// breaking cuts off a process from Postgres at its nth statement, and for good.
type breaking struct{ left atomic.Int64 }

func (b *breaking) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if b.left.Add(-1) >= 0 {
		return ctx
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return ended
}

func (*breaking) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// openBreaking opens a pool that lets so many statements through.
func openBreaking(t *testing.T, url string, statements int) *pgxpool.Pool {
	t.Helper()
	cut := &breaking{}
	cut.left.Store(int64(statements))
	return openTraced(t, url, cut)
}

func openTraced(t *testing.T, url string, tracer pgx.QueryTracer) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = tracer
	return openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.NewWithConfig(t.Context(), config) })
}

// A swap is broken off at each of its statements, while the view is read and written. Exactly one generation is live at any
// time, no read fails, and the next try ends it.
func TestASwapBrokenOffAtEachStep(t *testing.T) {
	log, url := memory.New(bankRegistry()), postgrestest.URL(t)
	db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.New(t.Context(), url) })
	readers := openPool(t, func() (*pgxpool.Pool, error) { return projections.OpenReaders(t.Context(), url, bank()) })
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{1}))

	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	var reads atomic.Int64
	for range 2 {
		reading.Go(func() { readOn(ctx, t, readers, &reads) })
	}
	steps := 0
	for done := false; !done; steps++ {
		write(t, log, fmt.Sprint("b", steps), opened{Owner: "Bob"}, deposited{1})
		if err := p.Build(t.Context(), "bank", nil); err != nil {
			t.Fatal(err)
		}
		broken := openBreaking(t, url, steps)
		err := newPortal(t, log, broken, nil).Swap(t.Context(), "bank")
		done = err == nil
		broken.Close()
		var live int
		if err := db.QueryRow(t.Context(), `SELECT count(*) FROM portal.generation WHERE state = 'live' AND schema = 'bank'`).Scan(&live); err != nil || live != 1 {
			t.Fatalf("broken off at statement %d: %d generations are live, %v", steps, live, err)
		}
	}
	cancel()
	reading.Wait()
	last := write(t, log, "a", deposited{1})
	p.await("bank", last)
	p.verify("bank")
	t.Logf("%d statements, %d reads", steps, reads.Load())
	if steps < 8 || reads.Load() == 0 {
		t.Error("hardly anything was tried")
	}
}

// Rows depend on neither the sizes of batches nor on time zones.
func TestRebuildsHashTheSameInEveryTimeZone(t *testing.T) {
	url := postgrestest.URL(t)
	log := memory.New(bankRegistry())
	for i := range 40 {
		write(t, log, fmt.Sprint("a", i), opened{Owner: fmt.Sprint("o", i%7)}, tagged{[]string{"x", "y"}}, transferred{To: fmt.Sprint("a", i/2), Amount: int64(i)})
	}
	var want map[string]string
	for _, c := range []struct {
		zone  string
		batch int
	}{{"UTC", 0}, {"Pacific/Auckland", 3}, {"America/St_Johns", 17}} {
		config, err := pgxpool.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		config.ConnConfig.RuntimeParams["timezone"] = c.zone
		db := openPool(t, func() (*pgxpool.Pool, error) { return pgxpool.NewWithConfig(t.Context(), config) })
		p := newPortal(t, log, db, func(e *projections.Config) { e.BuildRows = c.batch })
		if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
			t.Fatal(err)
		}
		got := p.hash("bank")
		if want == nil {
			want = got
		}
		if !maps.Equal(got, want) {
			t.Errorf("in %s, with %d rows at a time, the rows are others", c.zone, c.batch)
		}
	}
}
