package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/cmd/bench/internal/measure"
	"avportal/cmd/internal/portal"
	"avportal/domain"
	"avportal/projections"
	"avportal/projections/dashboard"
	"avportal/projections/live"
)

// ofOneTenant is about how many events the tenant has whose past is asked for.
const ofOneTenant = 50_000

// notLate is how old a moment must be for its events to be found by their tenant alone.
const notLate = time.Minute

// past asks for the dashboard of a tenant as it was, for another tenant each time, since the next answer is there already.
func (r *rebuilding) past(ctx context.Context) (result row, err error) {
	r.say("asking for the past of a tenant")
	time.Sleep(time.Until(r.written.Add(notLate + 2*time.Second)))
	var first []float64
	events := int64(0)
	err = r.inEmpty(ctx, func(db *pgxpool.Pool) error {
		if err := errors.Join(projections.Migrate(ctx, db), live.Migrate(ctx, db)); err != nil {
			return err
		}
		address, err := r.databaseURL(ctx, "copied")
		if err != nil {
			return err
		}
		readers, err := projections.OpenReaders(ctx, address, portal.PastViews()...)
		if err != nil {
			return err
		}
		defer readers.Close()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		p, err := projections.NewPast(ctx, projections.Config{DB: db, Store: r.store, Views: portal.PastViews(), Log: r.log}, readers)
		if err != nil {
			return err
		}
		defer p.Wait()
		for i := range min(r.rounds, len(r.fleet.Tenants())) {
			took, n, err := r.ask(ctx, p, r.fleet.Tenants()[i])
			if err != nil {
				return err
			}
			first, events = append(first, took.Seconds()), n
		}
		return nil
	})
	result = counted(t25, "a tenant's dashboard as it was, first answer", measure.Median(first)).
		noted("%d of %d events are the tenant's.", events, r.events)
	return result, err
}

func (r *rebuilding) ask(ctx context.Context, p *projections.Past, t domain.Tenant) (took time.Duration, events int64, err error) {
	began := time.Now()
	var moment *projections.Reading
	for building := true; building; {
		moment, err = p.Open(ctx, projections.When{Time: r.written.Add(time.Second)}, t)
		building = errors.As(err, &projections.Building{})
	}
	if err != nil {
		return 0, 0, err
	}
	defer moment.Close()
	d, err := dashboard.Get(ctx, moment, domain.Scope{Tenant: t}, r.fleet.Now(), 5)
	took = time.Since(began)
	if want := r.devicesOf(t); err == nil && d.Devices.Devices != want {
		err = fmt.Errorf("%w: %d devices of a tenant in the past, %d in the fleet", errDiffers, d.Devices.Devices, want)
	}
	return took, moment.Events, err
}

func (r *rebuilding) devicesOf(t domain.Tenant) (n int) {
	for i := range r.fleet.Enrolled() {
		if r.fleet.Device(i).Tenant == t {
			n++
		}
	}
	return n
}
