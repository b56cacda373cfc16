package devices

import (
	"context"
	"time"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// Overdue is a device with a request whose time is over.
type Overdue struct {
	Tenant domain.Tenant
	Device domain.DeviceID
}

// FindOverdue lists devices of all tenants with a request that was not started in time, or not finished within a
// lifetime of its start. It is for the portal's own clock, not for people.
func FindOverdue(ctx context.Context, db projections.Querier, now time.Time, lifetime time.Duration, limit int) ([]Overdue, error) {
	type row struct {
		Tenant string     `db:"tenant"`
		Device rowkey.Key `db:"device"`
	}
	rows, err := projections.Rows[row](ctx, db, `
		SELECT DISTINCT replace(tenant::text, '-', '') AS tenant, device FROM request
		WHERE phase < 3 AND (phase IN ($1, $2) AND expires_at <= $4 OR phase = $3 AND started_at <= $5)
		LIMIT $6`, queued, sent, started, now, now.Add(-lifetime), limit)
	out := make([]Overdue, len(rows))
	for i, r := range rows {
		out[i] = Overdue{domain.Tenant(r.Tenant), domain.DeviceID(r.Device)}
	}
	return out, err
}
