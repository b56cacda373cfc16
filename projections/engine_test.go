package projections_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

func TestViewsAreBuiltAndFollowTheLog(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5})
	p := newPortal(t, log, db, nil).start()
	last := write(t, log, "b", opened{Owner: "Bob"}, deposited{7}, transferred{To: "a", Amount: 3})
	p.await("bank", last)

	var sum, accounts int64
	if err := db.QueryRow(t.Context(), `SELECT sum(balance), sum(accounts) FROM bank.owner_count`).Scan(&sum, &accounts); err != nil || sum != 12 || accounts != 2 {
		t.Errorf("balance %d in %d accounts, %v", sum, accounts, err)
	}
	eventually(t, "this portal works", func() bool { return p.status("bank").Here })
	if s := p.status("bank"); !s.Ready() || s.Position != last || s.Behind != 0 || !s.Here || s.Version != 1 {
		t.Errorf("%+v", s)
	}
	p.verify("bank")
}

func TestAPoisonEventStopsItsViewOnly(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	other := bank()
	other.Name = "other"
	other.Tables = other.Tables[1:] // only counts days
	other.Schema, other.Indexes = `CREATE TABLE day (tenant uuid, day timestamptz, events bigint NOT NULL, PRIMARY KEY (tenant, day))`, ``
	p := newPortal(t, log, db, func(c *projections.Config) { c.Views = append(c.Views, other) }).start()
	before := write(t, log, "a", opened{Owner: "Ann"}, deposited{1}, deposited{2})
	poison := write(t, log, "nobody", deposited{1})
	last := write(t, log, "a", deposited{4})

	p.await("other", last)
	eventually(t, "the view says where it stands", func() bool { s := p.status("bank"); return s.Halted != nil && s.Version == 1 })
	s := p.status("bank")
	if s.Position != before || s.Halted.EventType != "account.deposited" || s.Halted.Position != poison.String() || s.Halted.EventID == "" || s.Ready() {
		t.Errorf("%+v, %+v", s, s.Halted)
	}
	if s := p.status("other"); s.Halted != nil || s.Position != last {
		t.Errorf("the other view: %+v", s)
	}
	if got := metric(t, p.Collector(), "avportal_view_halted", "bank"); got != 1 {
		t.Errorf("avportal_view_halted is %v", got)
	}
	if got := metric(t, p.Collector(), "avportal_view_halted", "other"); got != 0 {
		t.Errorf("avportal_view_halted of the other is %v", got)
	}
}

// What only Postgres refuses is found too, and once it is no longer refused the view goes on by itself.
func TestAnEventThatPostgresRefusesIsIsolated(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}))
	var last, poison eventstore.Position
	for i := range 40 {
		amount := int64(1)
		if i == 23 {
			amount = 2_000_000 // against the table's CHECK
		}
		if last = write(t, log, "a", deposited{1}, deposited{amount}); i == 23 {
			poison = last
		}
	}
	eventually(t, "the view halts", func() bool { return p.status("bank").Halted != nil })
	s := p.status("bank")
	if s.Position.Compare(poison) >= 0 || s.Halted.Position != poison.String() || s.Halted.EventType != "account.deposited" {
		t.Errorf("halted at %+v, %+v", s, s.Halted)
	}
	if _, err := db.Exec(t.Context(), `ALTER TABLE bank.account DROP CONSTRAINT account_balance_check`); err != nil {
		t.Fatal(err)
	}
	p.await("bank", last)
	if s := p.status("bank"); s.Halted != nil {
		t.Errorf("still halted: %+v", s.Halted)
	}
}

func TestUndeclaredEventsStopAView(t *testing.T) {
	newer, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	older := newer.With(domain.NewRegistry([]domain.Declaration{domain.Declare[opened](1)}))
	p := newPortal(t, older, db, nil).start()
	p.await("bank", write(t, newer, "a", opened{Owner: "Ann"}))
	write(t, newer, "a", deposited{1})
	eventually(t, "the view halts", func() bool {
		s := p.status("bank")
		return s.Halted != nil && s.Halted.EventType == "account.deposited"
	})
}

func TestOfTwoPortalsOneWorks(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	first, second := newPortal(t, log, db, nil).start(), newPortal(t, log, db, nil).start()
	last := write(t, log, "a", opened{Owner: "Ann"}, deposited{1})
	first.await("bank", last)
	eventually(t, "one works", func() bool { return first.status("bank").Here != second.status("bank").Here })
	if second.status("bank").Here {
		first, second = second, first
	}
	first.stop()
	last = write(t, log, "a", deposited{1})
	second.await("bank", last)
	second.verify("bank")
}

// A projector that has been asleep wakes up with a batch that somebody else has applied since.
func TestAProjectorThatWasTakenOverCantWrite(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	if err := projections.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	asleep, awake := newPortal(t, log, db, nil), newPortal(t, log, db, nil)
	defer asleep.Stop()
	defer awake.Stop()
	if _, err := asleep.Checkpoint(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	write(t, log, "a", opened{Owner: "Ann"}, deposited{1})
	batch := eventstore.Batch{Events: all(t, log)}

	// As if it had been silent for too long; and what it holds of Postgres survives, so that only the fence is left.
	if _, err := db.Exec(t.Context(), `UPDATE portal.lease SET beat = 'epoch', pid = 0`); err != nil {
		t.Fatal(err)
	}
	if _, err := awake.Checkpoint(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	if err := awake.Handler("bank")(eventstore.NewMessage(t.Context(), batch)); err != nil {
		t.Fatal(err)
	}
	want, err := projections.Hash(t.Context(), db, "bank")
	if err != nil {
		t.Fatal(err)
	}
	if err := asleep.Handler("bank")(eventstore.NewMessage(t.Context(), batch)); !errors.Is(err, projections.ErrFenced) {
		t.Errorf("the sleeper wrote: %v", err)
	}
	if got, err := projections.Hash(t.Context(), db, "bank"); err != nil || !maps.Equal(got, want) {
		t.Errorf("the rows have changed, %v", err)
	}
	if got := metric(t, asleep.Collector(), "avportal_view_fenced_total", "bank"); got != 1 {
		t.Errorf("avportal_view_fenced_total is %v", got)
	}
}

// A portal that hangs keeps its connection, and whatever it has locked. Whoever takes over ends that connection.
func TestTakeOverEndsTheConnectionOfASilentPortal(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	if err := projections.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	hanging, next := newPortal(t, log, db, nil), newPortal(t, log, db, nil)
	defer hanging.Stop()
	defer next.Stop()
	if _, err := hanging.Checkpoint(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	write(t, log, "a", opened{Owner: "Ann"}, deposited{1})
	if _, err := db.Exec(t.Context(), `UPDATE portal.lease SET beat = 'epoch'`); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Checkpoint(t.Context(), "bank"); err != nil {
		t.Fatal(err)
	}
	if err := hanging.Handler("bank")(eventstore.NewMessage(t.Context(), eventstore.Batch{Events: all(t, log)})); err == nil {
		t.Error("it wrote")
	}
	if at, err := projections.Position(t.Context(), db, "bank"); err != nil || !at.IsZero() {
		t.Errorf("the view has moved to %v, %v", at, err)
	}
}

// A database that was restored from a backup is behind what the projector remembers.
func TestACheckpointThatWentBackIsNoticed(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}))
	if _, err := db.Exec(t.Context(), `CREATE TABLE saved_account AS TABLE bank.account; CREATE TABLE saved_count AS TABLE bank.owner_count;
		CREATE TABLE saved_day AS TABLE bank.day; CREATE TABLE saved_position AS SELECT commit, prepare, events, applied, last_id, last_stream, last_revision FROM portal.generation`); err != nil {
		t.Fatal(err)
	}
	p.await("bank", write(t, log, "a", deposited{1}))
	if _, err := db.Exec(t.Context(), `BEGIN; TRUNCATE bank.account, bank.owner_count, bank.day; INSERT INTO bank.account TABLE saved_account;
		INSERT INTO bank.owner_count TABLE saved_count; INSERT INTO bank.day TABLE saved_day;
		UPDATE portal.generation SET (commit, prepare, events, applied, last_id, last_stream, last_revision) = (SELECT * FROM saved_position); COMMIT`); err != nil {
		t.Fatal(err)
	}
	p.await("bank", write(t, log, "a", deposited{1}))
	p.verify("bank")
}

func TestAViewAheadOfTheLogIsRefused(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	p := newPortal(t, log, db, nil).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{1}))
	p.stop()
	restored := memory.New(bankRegistry())
	write(t, restored, "a", opened{Owner: "Ann"})
	p = newPortal(t, restored, db, nil).start()
	eventually(t, "the view is refused", func() bool {
		s := p.status("bank")
		return s.Halted != nil && s.Position.Compare(s.Head) > 0
	})
	if _, err := p.Verify(t.Context(), "bank", nil); !errors.Is(err, projections.ErrAhead) {
		t.Errorf("verify: %v", err)
	}
}

func TestPoliciesReactOnceInOrderAndStopOnErrors(t *testing.T) {
	log, db := memory.New(bankRegistry()), postgrestest.Pool(t)
	var (
		mu      sync.Mutex
		seen    []string
		failing atomic.Bool
	)
	failing.Store(true)
	policy := projections.Policy{Name: "greet", React: func(_ context.Context, r eventstore.Recorded) error {
		if r.Type == "account.moved" && failing.Load() {
			return errors.New("the post office is closed")
		}
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Type)
		return nil
	}}
	with := func(c *projections.Config) { c.Policies = []projections.Policy{policy} }
	p := newPortal(t, log, db, with).start()
	p.await("bank", write(t, log, "a", opened{Owner: "Ann"}, deposited{1}, moved{"Bob"}, closed{}))
	halted := func() *projections.Halt {
		all, err := p.PolicyStatus(t.Context())
		if err != nil || len(all) != 1 {
			return nil
		}
		return all[0].Halted
	}
	eventually(t, "the policy halts", func() bool { return halted() != nil })
	if h := halted(); h.EventType != "account.moved" || h.Message != "the post office is closed" {
		t.Errorf("%+v", h)
	}
	failing.Store(false)
	eventually(t, "the policy goes on", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == 4 })
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	p.stop()
	p = newPortal(t, log, db, with).start()
	p.await("bank", write(t, log, "b", opened{Owner: "Eve"}))
	eventually(t, "the policy goes on after a restart", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) >= 5 })
	mu.Lock()
	defer mu.Unlock()
	if got, want := fmt.Sprint(seen), "[account.opened account.deposited account.moved account.closed account.opened]"; got != want {
		t.Errorf("reacted to %s, want %s", got, want)
	}
}
