package sqlview_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
	"avportal/projections/sqlview"
)

// portal is what an analyst works with: a log, a database, and a manager that follows what is stored.
type portal struct {
	*testing.T
	log     *memory.Store
	config  projections.Config
	manager *sqlview.Manager
	stop    func()
}

func newPortal(t *testing.T) *portal {
	p := &portal{T: t, log: memory.New(catalog.Registry())}
	p.config = projections.Config{DB: postgrestest.Pool(t), Store: p.log, Retry: eventstore.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}}
	return p
}

func (p *portal) start() {
	p.manager = sqlview.NewManager(p.config)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.manager.Run(ctx) })
	p.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	p.Cleanup(p.stop)
}

func (p *portal) write(s domain.Stream, events ...domain.Event) (at eventstore.Position) {
	p.Helper()
	revision := eventstore.NoStream
	for r, err := range p.log.Read(p.Context(), s, eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			p.Fatal(err)
		}
		revision = r.Revision
	}
	var proposed []eventstore.Proposed
	for _, e := range events {
		proposed = append(proposed, eventstore.Proposed{ID: uuid.New(), Event: e})
	}
	done, err := p.log.Append(p.Context(), s, revision, proposed)
	if err != nil {
		p.Fatal(err)
	}
	return done.Position
}

func (p *portal) activate(l domain.LicenseID, d domain.DeviceID) eventstore.Position {
	return p.write(license.Stream(tenant, l), license.Activated{License: l, Device: d})
}

func (p *portal) add(change map[string]string) error {
	d, err := sqlview.Load(folder(p, change))
	if err != nil {
		p.Fatal(err)
	}
	return sqlview.Add(p.Context(), p.config, d, nil)
}

func (p *portal) await(view string, at eventstore.Position) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 30*time.Second)
	defer cancel()
	if _, err := projections.Await(ctx, p.config.DB, nil, view, at); err != nil {
		p.Fatal(err)
	}
}

func (p *portal) eventually(what string, ok func() bool) {
	p.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("still not: %s", what)
		}
	}
}

func (p *portal) count(sql string) (n int) {
	p.Helper()
	if err := p.config.DB.QueryRow(p.Context(), sql).Scan(&n); err != nil {
		p.Fatal(err)
	}
	return n
}

func (p *portal) verify(view string) {
	p.Helper()
	views, err := sqlview.StoredViews(p.Context(), p.config.DB)
	if err != nil {
		p.Fatal(err)
	}
	c := p.config
	c.Views = views
	e, err := projections.New(c)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := e.Verify(p.Context(), view, nil); err != nil {
		p.Error(err)
	}
}

// A view is added while portals run, follows the log, is replaced by its next version, and goes without a trace.
func TestTheLifeOfAView(t *testing.T) {
	p := newPortal(t)
	p.activate("l1", "d1")
	p.start()
	if err := p.add(nil); err != nil {
		t.Fatal(err)
	}
	if n := p.count(`SELECT count(*) FROM seats.seat`); n != 1 {
		t.Errorf("%d rows after it was added, want 1", n)
	}
	p.await("seats", p.activate("l1", "d2"))
	if n := p.count(`SELECT count(*) FROM seats.seat`); n != 2 {
		t.Errorf("%d rows live, want 2", n)
	}
	p.verify("seats")

	status, err := p.manager.Status(t.Context())
	if err != nil || len(status) != 1 || !status[0].Ready() || status[0].View != "seats" {
		t.Errorf("%+v, %v", status, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(p.manager.Collector())
	families, err := registry.Gather()
	if err != nil || len(families) < 4 {
		t.Errorf("%d metrics, %v", len(families), err)
	}

	changed := map[string]string{"on/license.activated.sql": "INSERT INTO seat (license, device, since) VALUES (:license, 'x-' || :device, :event.at);"}
	var m sqlview.Mistake
	if err := p.add(changed); !errors.As(err, &m) || m.File != "view.yaml" || m.Line != 2 {
		t.Errorf("a change without a new version: %v", err)
	}
	changed["view.yaml"] = "name: seats\nversion: 2\n"
	if err := p.add(changed); err != nil {
		t.Fatal(err)
	}
	p.await("seats", p.activate("l2", "d3"))
	if n := p.count(`SELECT count(*) FROM seats.seat WHERE device LIKE 'x-%'`); n != 3 {
		t.Errorf("%d rows of version 2, want 3", n)
	}
	p.verify("seats")
	if err := p.add(nil); !errors.As(err, &m) {
		t.Errorf("an older version: %v", err)
	}

	if err := sqlview.Remove(t.Context(), p.config.DB, "seats"); err != nil {
		t.Fatal(err)
	}
	p.eventually("stopped", func() bool { s, err := p.manager.Status(context.Background()); return err == nil && len(s) == 0 })
	for _, sql := range []string{
		`SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'seats%'`, `SELECT count(*) FROM portal.generation`,
		`SELECT count(*) FROM portal.analyst_view`, `SELECT count(*) FROM portal.lease WHERE name LIKE 'seats%'`,
	} {
		if n := p.count(sql); n != 0 {
			t.Errorf("%s: %d", sql, n)
		}
	}
	if err := sqlview.Remove(t.Context(), p.config.DB, "seats"); !errors.Is(err, sqlview.ErrNotStored) {
		t.Errorf("removed twice: %v", err)
	}
	if err := p.add(nil); err != nil {
		t.Errorf("it can't be added again: %v", err)
	}
}

// An event that a statement can't take stops this view before it, by name; nothing of it is left, and others go on.
func TestAStatementThatFailsStopsItsView(t *testing.T) {
	p := newPortal(t)
	p.start()
	for name, schema := range map[string]string{
		"picky": "CREATE TABLE seat (license text CHECK (license <> 'bad'), device text, since timestamptz, PRIMARY KEY (license, device));",
		"seats": table,
	} {
		if err := p.add(map[string]string{"view.yaml": "name: " + name + "\nversion: 1\n", "schema.sql": schema}); err != nil {
			t.Fatal(err)
		}
	}
	good := p.activate("l1", "d1")
	p.await("picky", good)
	p.write(license.Stream(tenant, "l1"), license.Activated{License: "l1", Device: "d2"}, license.Activated{License: "bad", Device: "d"}, license.Activated{License: "l1", Device: "d3"})
	p.await("seats", p.activate("l2", "d4"))
	var halt *projections.Halt
	p.eventually("halted", func() bool {
		status, err := p.manager.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		halt = status[0].Halted
		return halt != nil
	})
	if halt.EventType != "license.activated" || !strings.Contains(halt.Message, "on/license.activated.sql:1") || !strings.Contains(halt.Message, "check constraint") {
		t.Errorf("halted with %+v", halt)
	}
	p.eventually("what stands before the event is there", func() bool { return p.count(`SELECT count(*) FROM picky.seat`) == 2 })
	if n := p.count(`SELECT count(*) FROM seats.seat`); n != 5 {
		t.Errorf("the other view has %d rows, want 5", n)
	}

	// The next version takes it, and heals the view.
	if err := p.add(map[string]string{"view.yaml": "name: picky\nversion: 2\n"}); err != nil {
		t.Fatal(err)
	}
	p.eventually("healed", func() bool { return p.count(`SELECT count(*) FROM picky.seat`) == 5 })
}

// A view that the log's past stops is not added, and the message says why; nothing runs it.
func TestAViewThatThePastStopsIsNotAdded(t *testing.T) {
	p := newPortal(t)
	p.activate("l1", "d1")
	p.write(license.Stream(tenant, "l1"), license.Released{License: "l1", Device: "d1"}, license.Activated{License: "l1", Device: "d2"})
	err := p.add(map[string]string{"on/license.activated.sql": "INSERT INTO seat (license, device, since) VALUES (:license, CASE :device WHEN 'd2' THEN NULL ELSE :device END, :event.at);"})
	var poison *projections.EventError
	if !errors.As(err, &poison) || poison.Type != "license.activated" || poison.Revision != 2 || !strings.Contains(err.Error(), "on/license.activated.sql:1") {
		t.Errorf("got %v", err)
	}
	if all, err := sqlview.Stored(t.Context(), p.config.DB); err != nil || len(all) != 0 {
		t.Errorf("stored %v, %v", all, err)
	}
	if err := p.add(nil); err != nil {
		t.Errorf("mended, it can't be added: %v", err)
	}
}

// Whoever changes the rows by hand is found out, as with the portal's own views.
func TestVerifyNamesWhatWasTouched(t *testing.T) {
	p := newPortal(t)
	p.activate("l1", "d1")
	if err := p.add(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := p.config.DB.Exec(t.Context(), `UPDATE seats.seat SET device = 'other'`); err != nil {
		t.Fatal(err)
	}
	c := p.config
	c.Views, _ = sqlview.StoredViews(t.Context(), p.config.DB)
	e, err := projections.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var d *projections.Difference
	if _, err := e.Verify(t.Context(), "seats", nil); !errors.As(err, &d) || d.Table != "seat" || !strings.Contains(d.Live, "other") {
		t.Errorf("got %v", err)
	}
}

func TestRowsDoNotDependOnHowEventsArrive(t *testing.T) {
	db := postgrestest.Pool(t)
	v := load(t, example).View
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		view := v
		runs++
		view.Name = fmt.Sprintf("protection%d", runs)
		projectiontest.CheckAll(rt, db, view, randomProtection(rt), rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))) //nolint:gosec // not a secret
		dropAll(rt, db, view.Name)
	})
}

// dropAll keeps the database small while many views are checked in it.
func dropAll(t projectiontest.Failer, db *pgxpool.Pool, name string) {
	for _, way := range []string{"", "_single", "_random", "_rebuilt", "_spilled"} {
		if _, err := db.Exec(context.Background(), `DROP SCHEMA `+name+way+` CASCADE`); err != nil {
			t.Fatalf("%v", err)
		}
	}
}

func randomProtection(t *rapid.T) (h history) {
	here, open := map[domain.DeviceID]domain.CustomerID{}, map[domain.DeviceID]int{}
	customers := []domain.CustomerID{"c1", "c2"}
	at := projectiontest.Start
	for i := range rapid.IntRange(0, 60).Draw(t, "events") {
		d := domain.DeviceID(fmt.Sprintf("d%d", rapid.IntRange(0, 3).Draw(t, "device")))
		c := rapid.SampledFrom(customers).Draw(t, "customer")
		request := device.RequestID(fmt.Sprintf("r%d", i))
		var e domain.Event = device.Enrolled{Tenant: tenant, Device: d, Customer: c}
		if _, ok := here[d]; ok {
			e = rapid.SampledFrom([]domain.Event{
				device.Moved{Device: d, FromCustomer: here[d], ToCustomer: c}, device.Removed{Device: d}, device.UpdateRequested{Device: d, Request: request},
				device.RequestCompleted{Device: d, Request: device.RequestID(fmt.Sprintf("r%d", i-1)), OK: i%2 == 0},
				device.ThreatFound{Device: d, Open: open[d] + 1}, device.ThreatResolved{Device: d, Open: max(0, open[d]-1)},
			}).Draw(t, "event")
		}
		switch e := e.(type) {
		case device.Enrolled:
			here[d], open[d] = c, 0
		case device.Moved:
			here[d] = c
		case device.Removed:
			delete(here, d)
		case device.ThreatFound:
			open[d] = e.Open
		case device.ThreatResolved:
			open[d] = e.Open
		}
		at = at.Add(time.Duration(rapid.IntRange(0, 100_000).Draw(t, "after")) * 777_777_777)
		h.at(at.Format(time.RFC3339), device.Stream(tenant, d), e)
	}
	return h
}
