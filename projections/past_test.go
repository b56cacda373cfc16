package projections_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

// gated is a log whose links are read slowly: each read waits for the gate, and is counted.
type gated struct {
	*memory.Store
	gate  chan struct{}
	reads atomic.Int64
}

func (g *gated) ReadLinks(ctx context.Context, s string, from eventstore.Revision, d eventstore.Direction, n int) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		g.reads.Add(1)
		select {
		case <-g.gate:
		case <-ctx.Done():
			yield(eventstore.Recorded{}, ctx.Err())
			return
		}
		for r, err := range g.Store.ReadLinks(ctx, s, from, d, n) {
			if !yield(r, err) {
				return
			}
		}
	}
}

func open(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// past serves moments of a bank, as a portal of its own.
func past(t *testing.T, log eventstore.Store, url string) *projections.Past {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	db := open(t, url)
	if err := projections.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	p, err := projections.NewPast(ctx, projections.Config{DB: db, Store: log, Views: []projections.View{bank()}}, open(t, url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); p.Wait() })
	return p
}

// Many ask two portals for the same moment at once: it is built once, and all get it. Meanwhile another moment of the tenant has to wait.
func TestOneBuildServesAllWhoAsk(t *testing.T) {
	memoryLog, at := ticking()
	log := &gated{Store: memoryLog, gate: make(chan struct{})}
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5})
	url := postgrestest.URL(t)
	portals := []*projections.Past{past(t, log, url), past(t, log, url)}
	var asking sync.WaitGroup
	var got sync.Map
	for i := range 10 {
		asking.Go(func() {
			r, err := portals[i%2].Open(t.Context(), projections.At(at(2)), bankTenant)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			balance, _ := balanceOf(t, r, "Ann")
			got.Store(r.Created, balance)
		})
	}
	eventually(t, "the build begins", func() bool { return log.reads.Load() > 0 })
	if _, err := portals[0].Open(t.Context(), projections.At(at(1)), bankTenant); !errors.Is(err, projections.ErrBusy) {
		t.Errorf("another moment at once: %v", err)
	}
	close(log.gate)
	asking.Wait()
	n := 0
	got.Range(func(_, balance any) bool {
		n++
		if balance != int64(5) {
			t.Errorf("balance %v", balance)
		}
		return true
	})
	if n != 1 || log.reads.Load() != 2 { // two categories
		t.Errorf("%d moments were built, with %d reads", n, log.reads.Load())
	}
}

// Who waits for long is told how far it has come, by a portal that does not build it, too; the build goes on without him.
func TestALongBuildTellsHowFarItIs(t *testing.T) {
	memoryLog, at := ticking()
	log := &gated{Store: memoryLog, gate: make(chan struct{})}
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5})
	url := postgrestest.URL(t)
	portals := []*projections.Past{past(t, log, url), past(t, log, url)}
	var asking sync.WaitGroup
	for _, p := range portals {
		asking.Go(func() {
			_, err := p.Open(t.Context(), projections.At(at(2)), bankTenant)
			var building projections.Building
			if !errors.As(err, &building) || building.Name == "" || building.Share != 0 {
				t.Errorf("%v", err)
			}
		})
	}
	asking.Wait()
	close(log.gate)
	for _, p := range portals {
		r, err := p.Open(t.Context(), projections.At(at(2)), bankTenant)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
}

// Moments that can't be built say why, for a while without trying again.
func TestAMomentThatFailsIsNotTriedAgainAtOnce(t *testing.T) {
	memoryLog, at := ticking()
	log := &gated{Store: memoryLog, gate: make(chan struct{})}
	close(log.gate)
	write(t, log, "nobody", deposited{5})
	p := past(t, log, postgrestest.URL(t))
	for range 3 {
		_, err := p.Open(t.Context(), projections.At(at(2)), bankTenant)
		var poison *projections.EventError
		if !errors.As(err, &poison) {
			t.Errorf("%v", err)
		}
	}
	if log.reads.Load() != 2 {
		t.Errorf("%d reads", log.reads.Load())
	}
	if _, err := p.Open(t.Context(), projections.At(time.Now().Add(time.Minute)), bankTenant); !errors.Is(err, projections.ErrFuture) {
		t.Errorf("the future: %v", err)
	}
}

// linkless is a log whose links come late: there are none yet.
type linkless struct{ *memory.Store }

func (linkless) ReadLinks(context.Context, string, eventstore.Revision, eventstore.Direction, int) iter.Seq2[eventstore.Recorded, error] {
	return func(func(eventstore.Recorded, error) bool) {}
}

func TestWhatHasNoLinkYetIsInTheMoment(t *testing.T) {
	log := linkless{memory.New(bankRegistry())}
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5})
	last := write(t, log, "a", deposited{7})
	appendTo(t, log, domain.Stream{Tenant: otherTenant, Kind: "account", ID: "x"}, opened{Owner: "Ann"})
	p := past(t, log, postgrestest.URL(t))
	for _, w := range []projections.When{{Position: last}, projections.At(time.Now())} {
		r, err := p.Open(t.Context(), w, bankTenant)
		if err != nil {
			t.Fatal(err)
		}
		if balance, accounts := balanceOf(t, r, "Ann"); balance != 12 || accounts != 1 {
			t.Errorf("as of %s: balance %d of %d accounts", w, balance, accounts)
		}
		r.Close()
	}
}

func TestMomentsAreReadInAnyForm(t *testing.T) {
	noon := projections.At(time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC))
	for text, want := range map[string]projections.When{
		"2026-05-03T12:00:00Z": noon, "2026-05-03T12:00Z": noon, "2026-05-03T14:00:00+02:00": noon, "2026-05-03T14:00:00 02:00": noon,
		"2026-05-03T14:00 02:00": noon, "2026-05-03": projections.At(noon.Time.Truncate(24 * time.Hour)), "12/11": {Position: eventstore.Position{Commit: 12, Prepare: 11}},
		"2026-05-03T12:00:00.1234567Z": projections.At(noon.Time.Add(123456 * time.Microsecond)),
	} {
		got, err := projections.ParseWhen(text)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
		if again, err := projections.ParseWhen(got.String()); err != nil || again != got {
			t.Errorf("%s: %v, %v", got, again, err)
		}
	}
	for _, text := range []string{"", "now", "2026", "2026-02-30", "12", "0/0", "-1/-1", "0001-01-01T00:00:00Z", "2026-05-03T25:00Z"} {
		if w, err := projections.ParseWhen(text); !errors.Is(err, projections.ErrNoMoment) {
			t.Errorf("%q: %v, %v", text, w, err)
		}
	}
}
