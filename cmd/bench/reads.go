package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/bench/internal/workload"
	"avportal/cmd/internal/portal"
	"avportal/domain"
	"avportal/projections"
	"avportal/projections/dashboard"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/live"
	"avportal/projections/page"
)

// served is a reseller's fleet of some size, with all read models of the portal in a database of its own.
type served struct {
	devices int
	name    string // of the database
	db      *pgxpool.Pool
	scope   domain.Scope
	now     time.Time
	deep    string // cursor to the middle of the list of devices
	deepLic string // ... of licenses
	license domain.LicenseID
	bytes   int64 // of the table of devices, with its indexes
	whole   int64 // of the whole view of devices
}

// reads measures the same queries at three sizes of a fleet.
func (b *bench) reads(ctx context.Context) (rows []row, err error) {
	var fleets []*served
	defer func() {
		for _, f := range fleets {
			if f.db != nil {
				f.db.Close()
			}
			err = errors.Join(err, b.drop(ctx, f.name))
		}
	}()
	for _, n := range b.fleets {
		f := &served{devices: n, name: fmt.Sprintf("fleet_%d", n)}
		fleets = append(fleets, f)
		began := time.Now()
		if err := b.serve(ctx, f); err != nil {
			return nil, fmt.Errorf("a fleet of %d devices: %w", n, err)
		}
		b.say("a fleet of %d devices is built after %v", n, time.Since(began).Round(time.Second))
	}
	rows = append(rows, bytesOf(fleets[len(fleets)-1]))
	release, err := measure.OneCore(b.postmaster())
	if err != nil {
		return nil, err
	}
	defer release()
	for _, q := range readings() {
		more, err := b.reading(ctx, fleets, q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.what, err)
		}
		rows = append(rows, more)
	}
	return rows, nil
}

// serve builds the read models by a rebuild, as after an update of the portal.
func (b *bench) serve(ctx context.Context, f *served) error {
	if err := b.database(ctx, f.name, ""); err != nil {
		return err
	}
	log := newGenerated(4, workload.Shape{Tenants: 1, Devices: f.devices})
	fleet := workload.New(log.seed, log.shape)
	f.scope, f.now = domain.Scope{Tenant: fleet.Tenants()[0]}, fleet.Now().Add(time.Hour)
	f.license = fleet.License(0)
	err := b.inDatabase(ctx, f.name, func(db *pgxpool.Pool) error {
		e, err := projections.New(projections.Config{DB: db, Store: log, Views: portal.Views(), Log: b.log})
		if err != nil {
			return err
		}
		for _, v := range portal.Views() {
			if err := e.Rebuild(ctx, v.Name, nil); err != nil {
				return err
			}
		}
		if err := live.Migrate(ctx, db); err != nil {
			return err
		}
		if err := devices.Reconcile(ctx, db); err != nil {
			return err
		}
		if _, err := db.Exec(ctx, `VACUUM ANALYZE`); err != nil {
			return err
		}
		return db.QueryRow(ctx, `SELECT pg_total_relation_size('devices.device'), sum(pg_total_relation_size(c.oid))::bigint
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'devices' AND c.relkind = 'r'`).Scan(&f.bytes, &f.whole)
	})
	if err != nil {
		return err
	}
	address, err := b.databaseURL(ctx, f.name)
	if err != nil {
		return err
	}
	if f.db, err = projections.OpenReaders(ctx, address, portal.Views()...); err != nil {
		return err
	}
	if err := f.check(ctx); err != nil {
		return err
	}
	return f.walk(ctx)
}

// check compares the dashboard with what the fleet is.
func (f *served) check(ctx context.Context) error {
	d, err := dashboard.Get(ctx, f.db, f.scope, f.now, 0)
	if err != nil {
		return err
	}
	var counted int
	if err := f.db.QueryRow(ctx, `SELECT count(*) FROM device WHERE tenant = $1`, f.scope.Tenant).Scan(&counted); err != nil {
		return err
	}
	if d.Devices.Devices != f.devices || counted != f.devices {
		return fmt.Errorf("%w: the dashboard counts %d devices of %d, the table holds %d", errDiffers, d.Devices.Devices, f.devices, counted)
	}
	return nil
}

// walk goes through the lists to their middle, as a person could, and keeps the cursors.
func (f *served) walk(ctx context.Context) error {
	for n := 0; n < f.devices/2; {
		p, err := devices.List(ctx, f.db, f.scope, f.now, devices.Filter{}, page.Paging{Cursor: f.deep, Limit: page.MaxLimit})
		if err != nil {
			return err
		}
		n, f.deep = n+len(p.Items), p.Next
	}
	all, err := licenses.Total(ctx, f.db, f.scope, f.now, licenses.Filter{})
	for n := 0; err == nil && n < all/2-fewLicenses; {
		var p licenses.Page
		p, err = licenses.List(ctx, f.db, f.scope, f.now, licenses.Filter{}, page.Paging{Cursor: f.deepLic, Limit: fewLicenses})
		n, f.deepLic = n+len(p.Items), p.Next
	}
	return err
}

// query is one question of the portal's pages.
type query struct {
	aim
	what string
	ask  func(context.Context, *served) error
}

// Pages have so many rows in every fleet: the smallest has 25 licenses.
const (
	pageSize    = 50
	fewLicenses = 10
)

func readings() []query {
	list := func(f devices.Filter, deep bool) func(context.Context, *served) error {
		return func(ctx context.Context, s *served) error {
			p := page.Paging{Limit: pageSize}
			if deep {
				p.Cursor = s.deep
			}
			if f.License != "" {
				f.License = s.license
			}
			_, err := devices.List(ctx, s.db, s.scope, s.now, f, p)
			return err
		}
	}
	return []query{
		{t14, "dashboard, counts", func(ctx context.Context, s *served) error {
			_, err := dashboard.Get(ctx, s.db, s.scope, s.now, 0)
			return err
		}},
		{t14, "dashboard with its lists of 5", func(ctx context.Context, s *served) error {
			_, err := dashboard.Get(ctx, s.db, s.scope, s.now, 5)
			return err
		}},
		{t15, "page of 50 devices, the first", list(devices.Filter{}, false)},
		{t15, "page of 50 devices, in the middle", list(devices.Filter{}, true)},
		{t15, "page of 50 devices of a license", list(devices.Filter{License: "any"}, false)},
		{t15, "page of 10 licenses, in the middle", func(ctx context.Context, s *served) error {
			_, err := licenses.List(ctx, s.db, s.scope, s.now, licenses.Filter{}, page.Paging{Limit: fewLicenses, Cursor: s.deepLic})
			return err
		}},
		{noTarget, "count(*) of devices, for comparison", func(ctx context.Context, s *served) error {
			var n int
			return s.db.QueryRow(ctx, `SELECT count(*) FROM device WHERE tenant = $1`, s.scope.Tenant).Scan(&n)
		}},
	}
}

// reading compares one question over the sizes.
func (b *bench) reading(ctx context.Context, fleets []*served, q query) (row, error) {
	var ways []measure.Way
	for _, f := range fleets {
		if err := q.ask(ctx, f); err != nil { // not measured: what is asked first is planned first
			return row{}, err
		}
		ways = append(ways, measure.Way{Name: f.name, Run: func(ctx context.Context) (s measure.Sample, err error) {
			began := time.Now()
			err = q.ask(ctx, f)
			s.Took, s.Ops = time.Since(began), 1
			s.Latencies = []time.Duration{s.Took}
			return s, err
		}})
	}
	plan := b.plan(max(1, int(b.slice.Milliseconds()))) // one question at a time, so that all fleets meet the same machine
	plan.Disk = nil                                     // nothing is written
	rounds, err := plan.Run(ctx, ways...)
	if err != nil {
		return row{}, err
	}
	small, middle, large := fleets[0], fleets[1], fleets[2]
	p50 := func(f *served) func(measure.Round) float64 { return quantile(f.name, 0.5) }
	r := compared(q.aim, fmt.Sprintf("%s: %s devices, p50", q.what, thousands(large.devices)), thousands(small.devices)+" devices, p50", rounds, over(p50(large), p50(small))).
		absolute(rounds, p50(large), p50(small), latency)
	return r.noted("%s devices: %s.", thousands(middle.devices), latency(median(rounds, p50(middle)))), nil
}

func thousands(n int) string {
	if n%1_000_000 == 0 {
		return fmt.Sprintf("%d M", n/1_000_000)
	}
	return fmt.Sprintf("%d k", n/1000)
}

// bytesOf makes a row of what a device takes in Postgres.
func bytesOf(f *served) row {
	r := counted(t21, "Postgres bytes per device, table and indexes", float64(f.bytes)/float64(f.devices))
	return r.noted("the whole view with its counters and threats: %.0f B; %s devices after a rebuild.", float64(f.whole)/float64(f.devices), thousands(f.devices))
}
