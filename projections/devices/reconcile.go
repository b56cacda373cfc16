package devices

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/projections/live"
)

// Reconcile brings live.last_seen in line with the live tables of this view; see live.Reconcile. The pool must be one that
// may write. Do it at the start of a portal, once the view has caught up, and once a day.
func Reconcile(ctx context.Context, db *pgxpool.Pool) error {
	return live.Reconcile(ctx, db, "SELECT d.tenant, d.device, "+enrolledAt+" AS enrolled_at FROM devices.device d")
}
