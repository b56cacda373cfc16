package dashboard

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/devices"
	"avportal/projections/licenses"
	"avportal/projections/page"
	"avportal/projections/states"
)

// Dashboard is what needs attention at a moment.
type Dashboard struct {
	At        time.Time
	Customers int
	Devices   devices.Counts
	Licenses  LicenseCounts

	InfectedDevices  []devices.Device   // the last infected first
	OutdatedDevices  []devices.Device   // outdated or critical, the oldest signatures first
	ExpiredLicenses  []licenses.License // the last expired first
	ExpiringLicenses []licenses.License // the next to expire first
}

// LicenseCounts are how many licenses are in which state. Valid, expiring and expired make up all of them.
type LicenseCounts struct {
	Total, Valid, Expiring, Expired int
	NearlyUsedUp, UsedUp            int // of those that have a limit
}

// Get answers the dashboard of a tenant or, if the scope has one, of a customer, with at most so many entries in each list. For
// a tenant the cost is the same for any number of devices.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, entries int) (Dashboard, error) {
	d := Dashboard{At: now}
	for _, part := range []func() error{
		func() (err error) { d.Customers, err = countCustomers(ctx, db, scope); return err },
		func() (err error) { d.Licenses, err = countLicenses(ctx, db, scope, now); return err },
		func() (err error) { d.Devices, err = devices.Count(ctx, db, scope, now); return err },
	} {
		if err := part(); err != nil {
			return Dashboard{}, fmt.Errorf("dashboard: %w", err)
		}
	}
	if entries <= 0 {
		return d, nil
	}
	if err := d.list(ctx, db, scope, now, entries); err != nil {
		return Dashboard{}, fmt.Errorf("dashboard: %w", err)
	}
	return d, nil
}

// list fills the lists. One whose figure is zero is not looked for.
func (d *Dashboard) list(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, entries int) (err error) {
	if d.Devices.Infected > 0 {
		if d.InfectedDevices, err = devices.NewestInfections(ctx, db, scope, now, entries); err != nil {
			return err
		}
	}
	if d.Devices.Signatures[states.SignaturesOutdated]+d.Devices.Signatures[states.SignaturesCritical] > 0 {
		if d.OutdatedDevices, err = devices.OldestSignatures(ctx, db, scope, now, entries); err != nil {
			return err
		}
	}
	byEnd := func(state states.Validity) ([]licenses.License, error) {
		list, err := licenses.List(ctx, db, scope, now, licenses.Filter{
			States: []states.Validity{state}, Sort: licenses.ByValidUntil, Descending: state == states.Expired,
		}, page.Paging{Limit: entries})
		return list.Items, err
	}
	if d.Licenses.Expired > 0 {
		if d.ExpiredLicenses, err = byEnd(states.Expired); err != nil {
			return err
		}
	}
	if d.Licenses.Expiring > 0 {
		d.ExpiringLicenses, err = byEnd(states.Expiring)
	}
	return err
}

func countCustomers(ctx context.Context, db projections.Querier, scope domain.Scope) (int, error) {
	rows, err := db.Query(ctx, `SELECT coalesce(sum(customers), 0)::int FROM customer_count WHERE tenant = $1 AND customer = $2`, scope.Tenant, scope.Customer)
	if err != nil {
		return 0, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
}

func countLicenses(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time) (n LicenseCounts, err error) {
	c, err := states.Load(ctx, db, thresholdsTable, scope.Tenant, now)
	if err != nil {
		return n, err
	}
	// Expired: the months that are over, and what has ended in this one. Expiring: what ends from now on, up to the threshold.
	rows, err := db.Query(ctx, `SELECT
		coalesce((SELECT sum(licenses) FROM license_end_count WHERE tenant = $1 AND customer = $2 AND span = $3), 0)::int,
		coalesce((SELECT sum(licenses) FROM license_end_count WHERE tenant = $1 AND customer = $2 AND span = $4 AND until < $6), 0)::int
			+ coalesce((SELECT sum(licenses) FROM license_end_count WHERE tenant = $1 AND customer = $2 AND span = $5 AND until >= $6 AND until <= $7), 0)::int,
		coalesce((SELECT sum(licenses) FROM license_end_count WHERE tenant = $1 AND customer = $2 AND span = $5 AND until > $7 AND until <= $8), 0)::int`,
		scope.Tenant, scope.Customer, allEnds, byMonth, byInstant, month(c.Now), c.Now, c.ExpiringUntil)
	if err != nil {
		return n, err
	}
	if _, err = pgx.ForEachRow(rows, []any{&n.Total, &n.Expired, &n.Expiring}, func() error { return nil }); err != nil {
		return n, err
	}
	n.Valid = n.Total - n.Expired - n.Expiring
	rows, err = db.Query(ctx, `SELECT coalesce(sum(licenses) FILTER (WHERE percent < 100), 0)::int, coalesce(sum(licenses) FILTER (WHERE percent = 100), 0)::int
		FROM license_seats_count WHERE tenant = $1 AND customer = $2 AND percent >= $3`, scope.Tenant, scope.Customer, c.SeatsPercent)
	if err != nil {
		return n, err
	}
	_, err = pgx.ForEachRow(rows, []any{&n.NearlyUsedUp, &n.UsedUp}, func() error { return nil })
	return n, err
}
