package live

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
)

// fine is how far back counts are to the minute; further back they are to the hour.
const fine = 48 * time.Hour

// HeardSince counts the tenant's devices that were heard of since each of several instants. An instant is rounded down to
// its minute, one further back than two days to its hour: a device counts as heard of a little longer than the list of devices says.
// The cost grows with the number of buckets between the instants and now, not with the number of devices.
func HeardSince(ctx context.Context, db projections.Querier, t domain.Tenant, now time.Time, since ...time.Time) ([]int, error) {
	widths, buckets := make([]int32, len(since)), make([]int32, len(since))
	for i, at := range since {
		widths[i] = 1
		if now.Sub(at) > fine {
			widths[i] = 60
		}
		buckets[i] = int32(at.Unix() / 60 / int64(widths[i])) //nolint:gosec // minutes since 1970 fit for 4,000 years
	}
	rows, err := db.Query(ctx, `
		SELECT coalesce(n, 0) FROM unnest($2::int[], $3::int[]) WITH ORDINALITY AS w (minutes, bucket, i)
		CROSS JOIN LATERAL (SELECT sum(devices)::int AS n FROM seen_count c
			WHERE c.tenant = $1 AND c.minutes = w.minutes AND c.bucket >= w.bucket) AS s ORDER BY i`, t, widths, buckets)
	if err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}
