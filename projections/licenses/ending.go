package licenses

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
)

// Ending is a license that ends soon or has ended.
type Ending struct {
	Tenant       domain.Tenant
	License      domain.LicenseID
	Customer     domain.CustomerID
	Name         string
	Until        time.Time
	ExpiringDays int // from how many days before its end on the reseller wants to be told
}

// FindEnding lists the licenses of all tenants that end after a moment and, by the reseller's threshold, are about to at another.
// It is for the portal's own clock, not for people.
func FindEnding(ctx context.Context, db projections.Querier, after, now time.Time) ([]Ending, error) {
	rows, err := db.Query(ctx, `SELECT replace(l.tenant::text, '-', ''), l.license, l.customer, l.name, l.valid_until, t.expiring_days
		FROM `+thresholdsTable+` t JOIN license l ON l.tenant = t.tenant
		WHERE l.valid_until > $1::timestamptz AND l.valid_until <= $2::timestamptz + t.expiring_days * interval '24 hours'`, after.UTC(), now.UTC())
	if err != nil {
		return nil, fmt.Errorf("licenses: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (e Ending, err error) {
		err = row.Scan(&e.Tenant, &e.License, &e.Customer, &e.Name, &e.Until, &e.ExpiringDays)
		e.Until = e.Until.UTC()
		return e, err
	})
}
