package projections_test

import (
	"context"
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	// Each check builds five views; -rapid.checks on the command line asks for more.
	if err := flag.Set("rapid.checks", "30"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, postgrestest.IgnoreServer())
}

// portal is an engine that runs, beside a log in memory and a database.
type portal struct {
	*projections.Engine
	t    *testing.T
	log  *memory.Store
	db   *pgxpool.Pool
	stop func()
}

var quick = eventstore.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}

func newPortal(t *testing.T, log *memory.Store, db *pgxpool.Pool, change func(*projections.Config)) *portal {
	t.Helper()
	c := projections.Config{DB: db, Store: log, Views: []projections.View{bank()}, Retry: quick}
	if change != nil {
		change(&c)
	}
	e, err := projections.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &portal{Engine: e, t: t, log: log, db: db}
}

// start runs the engine until stop is called or the test ends.
func (p *portal) start() *portal {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			p.t.Error(err)
		}
	})
	p.stop = func() { cancel(); running.Wait() }
	p.t.Cleanup(p.stop)
	return p
}

// write appends events to an account, wherever it stands, and answers the position of the last.
func write(t testing.TB, log eventstore.Store, id string, events ...domain.Event) eventstore.Position {
	t.Helper()
	at := eventstore.NoStream
	for r, err := range log.Read(t.Context(), accountStream(id), eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			t.Fatal(err)
		}
		at = r.Revision
	}
	proposed := make([]eventstore.Proposed, len(events))
	for i, e := range events {
		proposed[i] = eventstore.Proposed{ID: uuid.New(), Event: e}
	}
	done, err := log.Append(context.Background(), accountStream(id), at, proposed)
	if err != nil {
		t.Fatal(err)
	}
	return done.Position
}

func (p *portal) await(view string, at eventstore.Position) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := p.Await(ctx, p.db, view, at); err != nil {
		p.t.Fatal(err)
	}
}

func (p *portal) status(view string) projections.Status {
	p.t.Helper()
	all, err := p.Status(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range all {
		if s.View == view {
			return s
		}
	}
	p.t.Fatalf("no status of view %s in %+v", view, all)
	return projections.Status{}
}

// verify checks that the live rows are those of a rebuild.
func (p *portal) verify(view string) {
	p.t.Helper()
	if _, err := p.Verify(context.Background(), view, nil); err != nil {
		p.t.Error(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func all(t *testing.T, log *memory.Store) (out []eventstore.Recorded) {
	for r, err := range log.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// metric scrapes one value of one view.
func metric(t *testing.T, c prometheus.Collector, name, view string) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == view {
				return m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of view %s", name, view)
	return 0
}
