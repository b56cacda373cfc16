package licenses

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/license"
	"avportal/projections"
	"avportal/projections/states"
)

func cutoffsOf(ctx context.Context, db projections.Querier, t domain.Tenant, now time.Time) (states.Cutoffs, error) {
	return states.Load(ctx, db, thresholdsTable, t, now)
}

// joinInfected adds up the devices with open threats from the counters of the view of devices, which are kept by place: only it
// knows them. For a moment it may be behind or ahead of this view.
const joinInfected = ` CROSS JOIN LATERAL (SELECT coalesce(sum(n.infected), 0)::bigint AS infected FROM place p
	JOIN device_count n ON n.tenant = p.tenant AND n.place = p.place WHERE p.tenant = l.tenant AND p.license = l.license) AS i`

// describe tells all about licenses, in the order of their ids; those that are not there are left out.
func describe(ctx context.Context, db projections.Querier, t domain.Tenant, c states.Cutoffs, ids []string) ([]License, error) {
	rows, err := db.Query(ctx, `SELECT l.license, l.name, l.customer, coalesce(c.name, ''), l.kind, l.seats, l.used, l.term_years,
			l.valid_from, l.valid_until, l.tid, coalesce(z.devices, 0)::int, i.infected::int
		FROM unnest($2::text[]) WITH ORDINALITY AS w (license, i)
		JOIN license l ON l.tenant = $1 AND l.license = w.license
		LEFT JOIN customer c ON c.tenant = $1 AND c.customer = l.customer
		LEFT JOIN license_size z ON z.tenant = $1 AND z.license = l.license
		`+joinInfected+` ORDER BY w.i`, t, ids)
	if err != nil {
		return nil, fmt.Errorf("licenses: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (License, error) {
		var l License
		err := row.Scan(&l.ID, &l.Name, &l.Customer, &l.CustomerName, &l.Kind, &l.Seats, &l.Used, &l.TermYears,
			&l.ValidFrom, &l.ValidUntil, &l.TID, &l.Devices, &l.Infected)
		l.ValidFrom, l.ValidUntil = utc(l.ValidFrom), utc(l.ValidUntil)
		l.State = c.Validity(l.ValidUntil)
		l.SeatsState = c.Seats(l.Kind == license.MSP, l.Used, l.Seats)
		return l, err
	})
}

// utc also gives a zero time the form that compares equal to time.Time{}.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC()
}
