package projections_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
)

const otherTenant = domain.Tenant("ffeeddccbbaa99887766554433221100")

// ticking is a log whose clock goes on by a minute with each append, far in the past.
func ticking() (*memory.Store, func(minute int) time.Time) {
	log := memory.New(bankRegistry())
	start, n := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	log.SetClock(func() time.Time { n++; return start.Add(time.Duration(n) * time.Minute) })
	return log, func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
}

func balanceOf(t *testing.T, q projections.Querier, owner string) (balance, accounts int64) {
	t.Helper()
	err := q.QueryRow(t.Context(), `SELECT COALESCE(sum(balance), 0)::bigint, count(*) FROM account WHERE owner = $1`, owner).Scan(&balance, &accounts)
	if err != nil {
		t.Fatal(err)
	}
	return balance, accounts
}

func TestAMomentShowsWhatWasThen(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}) // minute 1
	write(t, log, "a", deposited{5})         // minute 2
	telemetry := domain.Stream{Tenant: bankTenant, Kind: "account", ID: "t", Telemetry: true}
	appendTo(t, log, telemetry, opened{Owner: "Ann"}) // minute 3
	stranger := domain.Stream{Tenant: otherTenant, Kind: "account", ID: "x"}
	appendTo(t, log, stranger, opened{Owner: "Ann"}) // minute 4
	write(t, log, "a", deposited{7}, closed{})       // minutes 5 and 6
	p := newPortal(t, log, db, nil)

	for _, c := range []struct {
		minute            int
		tenant            domain.Tenant
		balance, accounts int64
	}{
		{0, "", 0, 0}, {1, "", 0, 1}, {2, bankTenant, 5, 1}, {3, bankTenant, 5, 2}, {4, "", 5, 3}, {4, bankTenant, 5, 2}, {4, otherTenant, 0, 1}, {6, "", 0, 2},
	} {
		m, err := p.BuildAsOf(t.Context(), projections.At(at(c.minute)), c.tenant, nil, nil)
		if err != nil {
			t.Fatalf("%+v: %v", c, err)
		}
		r := read(t, db, m)
		if balance, accounts := balanceOf(t, r, "Ann"); balance != c.balance || accounts != c.accounts {
			t.Errorf("%+v: balance %d of %d accounts", c, balance, accounts)
		}
		r.Close()
		if !m.Ready || m.Bytes == 0 {
			t.Errorf("%+v", m)
		}
	}
	if used := db.Stat().AcquiredConns(); used != 0 {
		t.Errorf("%d connections have not come back", used)
	}
	head, err := log.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, future := range []projections.When{projections.At(time.Now().Add(time.Hour)), {Position: eventstore.Position{Commit: head.Commit + 1, Prepare: head.Prepare + 1}}} {
		if _, err := p.BuildAsOf(t.Context(), future, "", nil, nil); !errors.Is(err, projections.ErrFuture) {
			t.Errorf("as of %s: %v", future, err)
		}
	}
}

// At each position of the log a moment shows the balance of the events up to there, and the time at which that was so.
func TestAMomentByPosition(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}) // minute 1
	stranger := domain.Stream{Tenant: otherTenant, Kind: "account", ID: "x"}
	appendTo(t, log, stranger, opened{Owner: "Ann"}) // minute 2
	write(t, log, "a", deposited{5})                 // minute 3
	write(t, log, "a", deposited{7})                 // minute 4
	p := newPortal(t, log, db, func(c *projections.Config) { c.AsOf.PerTenant = 9 })
	want := []struct {
		balance int64
		minute  int
	}{{0, 1}, {0, 1}, {5, 3}, {12, 4}} // the second event is a stranger's: its time is that of nothing that the tenant sees
	for i, r := range all(t, log) {
		m, err := p.BuildAsOf(t.Context(), projections.When{Position: r.Position}, bankTenant, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		q := read(t, db, m)
		if balance, _ := balanceOf(t, q, "Ann"); balance != want[i].balance || !m.At.Equal(at(want[i].minute)) {
			t.Errorf("at %s: balance %d at %s, want %+v", r.Position, balance, m.At, want[i])
		}
		q.Close()
	}
}

func read(t *testing.T, db *pgxpool.Pool, m projections.Moment) *projections.Reading {
	t.Helper()
	r, err := projections.OpenMoment(t.Context(), db, m.Name)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Tables of a moment at the log's end are those of a rebuild, row by row.
func TestAMomentEqualsARebuild(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5}, tagged{[]string{"x"}})
	write(t, log, "b", opened{Owner: "Bob"}, transferred{To: "a", Amount: 3})
	p := newPortal(t, log, db, nil)
	if err := p.Rebuild(t.Context(), "bank", nil); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []domain.Tenant{"", bankTenant} {
		m, err := p.BuildAsOf(t.Context(), projections.At(at(100)), tenant, []string{"bank"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(p.hash(m.Name+"_bank"), p.hash("bank")) {
			t.Errorf("tenant %q: the moment has other rows", tenant)
		}
	}
}

func TestMomentsAreFoundAgainLimitedAndDropped(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5}, deposited{5}, deposited{5})
	p := newPortal(t, log, db, func(c *projections.Config) { c.AsOf.Max = 2 })
	build := func(minute int) projections.Moment {
		m, err := p.BuildAsOf(t.Context(), projections.At(at(minute)), "", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first, second := build(1), build(2)
	if again := build(1); again.Name != first.Name || !again.Created.Equal(first.Created) {
		t.Errorf("the same moment was built again: %+v, %+v", first, again)
	}
	build(3) // the second was not asked for the longest
	if _, err := projections.OpenMoment(t.Context(), db, second.Name); !errors.Is(err, projections.ErrNoSuchMoment) {
		t.Errorf("there are three moments: %v", err)
	}
	read(t, db, first).Close()
	if _, err := db.Exec(t.Context(), `UPDATE portal.as_of SET used = now() - interval '2 hours' WHERE name = $1`, first.Name); err != nil {
		t.Fatal(err)
	}
	if err := p.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, err := projections.Moments(t.Context(), db); err != nil || len(left) != 1 {
		t.Errorf("%+v, %v", left, err)
	}
	var schemas int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'asof%'`).Scan(&schemas); err != nil || schemas != 1 {
		t.Errorf("%d schemas, %v", schemas, err)
	}
	small := newPortal(t, log, db, func(c *projections.Config) { c.AsOf.MaxBytes = 1000 })
	if _, err := small.BuildAsOf(t.Context(), projections.At(at(4)), "", nil, nil); !errors.Is(err, projections.ErrTooLarge) {
		t.Errorf("more than fits: %v", err)
	}
}

// Whoever reads a moment keeps it, in whatever portal and however old it is. What he closes goes.
func TestAMomentInUseIsNotDropped(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5})
	p := newPortal(t, log, db, func(c *projections.Config) { c.AsOf.PerTenant = 1 })
	build := func(minute int, tenant domain.Tenant) projections.Moment {
		m, err := p.BuildAsOf(t.Context(), projections.At(at(minute)), tenant, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := build(1, bankTenant)
	r := read(t, db, m)
	if _, err := db.Exec(t.Context(), `UPDATE portal.as_of SET used = now() - interval '2 hours'`); err != nil {
		t.Fatal(err)
	}
	if err := p.DropAsOf(t.Context(), m.Name); !errors.Is(err, projections.ErrInUse) {
		t.Errorf("drop: %v", err)
	}
	if err := p.Tidy(t.Context()); err != nil {
		t.Error(err)
	}
	other := build(1, otherTenant)
	build(2, bankTenant) // there is room for one moment of each tenant
	if balance, accounts := balanceOf(t, r, "Ann"); balance != 0 || accounts != 1 {
		t.Errorf("balance %d of %d accounts", balance, accounts)
	}
	r.Close()
	build(3, bankTenant)
	if _, err := projections.OpenMoment(t.Context(), db, m.Name); !errors.Is(err, projections.ErrNoSuchMoment) {
		t.Errorf("a moment too many: %v", err)
	}
	read(t, db, other).Close()
}

// Moments of a tenant and those of everybody go when something in them must not be read any more; who reads one just now ends first.
func TestMomentsAreForgotten(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "a", opened{Owner: "Ann"}, deposited{5})
	p := newPortal(t, log, db, nil)
	build := func(minute int, tenant domain.Tenant) projections.Moment {
		m, err := p.BuildAsOf(t.Context(), projections.At(at(minute)), tenant, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	own, all, other := build(1, bankTenant), build(1, ""), build(1, otherTenant)
	r := read(t, db, own)
	forgotten := make(chan error, 1)
	go func() { forgotten <- p.ForgetMoments(t.Context(), bankTenant) }()
	select {
	case err := <-forgotten:
		t.Errorf("a moment was forgotten while it was read: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	r.Close()
	if err := <-forgotten; err != nil {
		t.Error(err)
	}
	for _, m := range []projections.Moment{own, all} {
		if _, err := projections.OpenMoment(t.Context(), db, m.Name); !errors.Is(err, projections.ErrNoSuchMoment) {
			t.Errorf("the moment of %q is there: %v", m.Tenant, err)
		}
	}
	read(t, db, other).Close()
}

func TestAMomentThatCantBeAppliedNamesTheEventAndLeavesNothing(t *testing.T) {
	log, at := ticking()
	db := postgrestest.Pool(t)
	write(t, log, "nobody", deposited{1})
	p := newPortal(t, log, db, nil)
	_, err := p.BuildAsOf(t.Context(), projections.At(at(9)), "", nil, nil)
	var poison *projections.EventError
	if !errors.As(err, &poison) || !strings.Contains(err.Error(), "account.deposited") {
		t.Errorf("%v", err)
	}
	if left, err := projections.Generations(t.Context(), db); err != nil || len(left) != 0 {
		t.Errorf("%+v, %v", left, err)
	}
}

func appendTo(t *testing.T, log eventstore.Store, stream domain.Stream, e domain.Event) {
	t.Helper()
	if _, err := log.Append(context.Background(), stream, eventstore.NoStream, []eventstore.Proposed{{ID: uuid.New(), Event: e}}); err != nil {
		t.Fatal(err)
	}
}
