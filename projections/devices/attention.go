package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/page"
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
			WHERE d.tenant = $1 AND d.threats > 0 AND d.place = ANY($3) ORDER BY i.at DESC, i.device LIMIT $2`
		args = append(args, places)
	}
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("devices: infections: %w", err)
	}
	marks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (mark, error) {
		k, err := pgx.RowTo[rowkey.Key](row)
		return mark{ID: k}, err
	})
	if err != nil {
		return nil, fmt.Errorf("devices: infections: %w", err)
	}
	return describe(ctx, db, scope.Tenant, c, marks)
}

// OldestSignatures answers the devices whose signatures are outdated or critical, the oldest first.
func OldestSignatures(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, limit int) ([]Device, error) {
	if limit <= 0 {
		return nil, nil
	}
	list, err := List(ctx, db, scope, now, Filter{
		Signatures: []states.Signatures{states.SignaturesOutdated, states.SignaturesCritical}, Sort: BySignature,
	}, page.Paging{Limit: limit})
	return list.Items, err
}
