package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/rowkey"
	"avportal/projections/states"
)

// NewestInfections answers the devices with open threats on which threats were found last, newest first.
func NewestInfections(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, limit int) ([]Device, error) {
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil || limit <= 0 {
		return nil, err
	}
	sql, args := `SELECT device FROM infection WHERE tenant = $1 ORDER BY at DESC, device LIMIT $2`, []any{scope.Tenant, limit}
	if scope.Customer != "" {
		places, err := findPlaces(ctx, db, scope, Filter{}, c)
		if err != nil {
			return nil, err
		}
		sql = `SELECT i.device FROM device d JOIN infection i ON i.tenant = d.tenant AND i.device = d.device
			WHERE d.tenant = $1 AND d.threats > 0 AND d.place = ANY($3) AND (d.place >> 32)::int = ANY($4) ORDER BY i.at DESC, i.device LIMIT $2`
		args = append(args, places, halvesOf(places))
	}
	return describeFound(ctx, db, scope.Tenant, c, sql, args)
}

// OldestSignatures answers devices whose signatures are outdated or critical, the oldest first. Among those of one date any may
// be left out: putting them in an order would cost the more the more there are.
func OldestSignatures(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, limit int) ([]Device, error) {
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil || limit <= 0 {
		return nil, err
	}
	sql := `SELECT device FROM device WHERE tenant = $1 AND signature_day >= 0 AND signature_day <= $4 AND signature_date < $3`
	args := []any{scope.Tenant, limit, c.Outdated, dayOf(c.Outdated)}
	if scope.Customer != "" {
		places, err := findPlaces(ctx, db, scope, Filter{}, c)
		if err != nil {
			return nil, err
		}
		sql, args = sql+` AND place = ANY($5) AND (place >> 32)::int = ANY($6)`, append(args, places, halvesOf(places))
	}
	return describeFound(ctx, db, scope.Tenant, c, sql+` ORDER BY signature_day, signature_date LIMIT $2`, args)
}

// describeFound tells all about the devices that a query finds.
func describeFound(ctx context.Context, db projections.Querier, t domain.Tenant, c states.Cutoffs, sql string, args []any) ([]Device, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	marks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (mark, error) {
		k, err := pgx.RowTo[rowkey.Key](row)
		return mark{ID: k}, err
	})
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	return describe(ctx, db, t, c, marks)
}
