// Package fleettest tells the history of a small fleet and serves it from real read models, for tests of their queries.
package fleettest

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/domain/reseller"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/live"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
)

// Now is the moment at which tests ask.
var Now = time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC)

// Fleet is a history of one tenant that is being told.
type Fleet struct {
	Tenant domain.Tenant
	Events []eventstore.Recorded
}

// New begins with the registration of a reseller.
func New() *Fleet {
	f := &Fleet{Tenant: domain.Tenant(strings.ReplaceAll(uuid.NewString(), "-", ""))}
	f.Add(reseller.Stream(f.Tenant), reseller.Registered{Tenant: f.Tenant, Name: "Reseller", Language: reseller.German})
	return f
}

// Scope is the tenant as a whole.
func (f *Fleet) Scope() domain.Scope { return domain.Scope{Tenant: f.Tenant} }

// Add tells one more event, written at Now.
func (f *Fleet) Add(s domain.Stream, e domain.Event) { f.AddAt(s, Now, e) }

// AddAt tells one more event that the store wrote at a time.
func (f *Fleet) AddAt(s domain.Stream, at time.Time, e domain.Event) {
	r := projectiontest.On(s, e)
	r.At = at
	f.Events = append(f.Events, r)
}

// Customer imports a customer.
func (f *Fleet) Customer(id domain.CustomerID, name string) {
	f.Add(customer.Stream(f.Tenant, id), customer.Imported{Tenant: f.Tenant, Customer: id, Name: name, Number: "no. " + string(id)})
}

// License imports a license with its main group. A zero time is that of an MSP license without an end.
func (f *Fleet) License(id domain.LicenseID, of domain.CustomerID, name string, seats int, until time.Time) {
	kind := license.Purchase
	if until.IsZero() {
		kind = license.MSP
	}
	f.Add(license.Stream(f.Tenant, id), license.Imported{
		Tenant: f.Tenant, License: id, Customer: of, Name: name, Key: domain.TID("TID-" + id), Kind: kind, Seats: seats,
		ValidFrom: Now.AddDate(-1, 0, 0), ValidUntil: until,
	})
	f.Add(group.Stream(f.Tenant, id), group.MainCreated{Tenant: f.Tenant, Customer: of, License: id, Group: group.Main(id), Name: name})
}

// Group creates a subgroup.
func (f *Fleet) Group(id, parent domain.GroupID, name string) {
	f.Add(group.Stream(f.Tenant, id.License()), group.Created{Group: id, Parent: parent, Name: name})
}

// Device takes a seat, joins the group and enrolls. Used is the number of seats in use from now on.
func (f *Fleet) Device(id domain.DeviceID, of domain.CustomerID, in domain.GroupID, used int, facts device.Facts) {
	l := in.License()
	f.Add(license.Stream(f.Tenant, l), license.Activated{License: l, Device: id, Group: in, Used: used})
	f.Add(group.Stream(f.Tenant, l), group.DeviceAdded{Device: id, Group: in})
	f.Tell(id, device.Enrolled{Tenant: f.Tenant, Customer: of, License: l, Group: in, Device: id, GUID: string(id), Facts: facts})
}

// Tell tells an event of a device.
func (f *Fleet) Tell(id domain.DeviceID, e domain.Event) { f.Add(device.Stream(f.Tenant, id), e) }

// Observe tells the facts of a device.
func (f *Fleet) Observe(id domain.DeviceID, facts device.Facts) {
	f.Add(device.TelemetryStream(f.Tenant, id), device.Observed{Tenant: f.Tenant, Device: id, Facts: facts, At: Now})
}

// Served are read models in a database of their own.
type Served struct {
	Readers *pgxpool.Pool // as the portal's queries use them
	Admin   *pgxpool.Pool
	url     string
	views   []projections.View
}

// Serve builds views from the histories of fleets, one after the other.
func Serve(tb testing.TB, views []projections.View, fleets ...*Fleet) *Served {
	tb.Helper()
	s := &Served{url: postgrestest.URL(tb), views: views}
	open := func(pool *pgxpool.Pool, err error) *pgxpool.Pool {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(pool.Close)
		return pool
	}
	ctx := context.Background()
	s.Admin = open(pgxpool.New(ctx, s.url))
	if err := live.Migrate(ctx, s.Admin); err != nil {
		tb.Fatal(err)
	}
	if err := projections.Migrate(ctx, s.Admin); err != nil {
		tb.Fatal(err)
	}
	var events []eventstore.Recorded
	for _, f := range fleets {
		events = append(events, f.Events...)
	}
	e, err := projections.New(projections.Config{DB: s.Admin, Store: &projectiontest.Log{Events: projectiontest.History(events...)}, Views: views})
	if err != nil {
		tb.Fatal(err)
	}
	defer e.Stop()
	for _, v := range views {
		if _, err := e.Checkpoint(ctx, v.Name); err != nil {
			tb.Fatal(err)
		}
	}
	s.Readers = open(projections.OpenReaders(ctx, s.url, views...))
	return s
}

// Exec changes the database behind the views' backs.
func (s *Served) Exec(tb testing.TB, sql string, args ...any) {
	tb.Helper()
	if _, err := s.Admin.Exec(context.Background(), sql, args...); err != nil {
		tb.Fatal(err)
	}
}

// See writes down when a device was last heard of.
func (s *Served) See(tb testing.TB, t domain.Tenant, at map[domain.DeviceID]time.Time) {
	tb.Helper()
	seen := live.NewSeen(s.Admin, slog.New(slog.DiscardHandler))
	for d, when := range at {
		seen.Touch(t, d, when, "")
	}
	if err := seen.Close(context.Background()); err != nil {
		tb.Fatal(err)
	}
}
