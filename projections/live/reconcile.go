package live

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Reconcile brings the table in line with a source of devices, and the counts in line with the table: a device that was never
// written down (a crash, a restored backup) counts as heard of when it enrolled; one that has been gone for a day is dropped. Source
// is SQL for rows (tenant uuid, device bytea, enrolled_at timestamptz). A portal does it at its start and once a day.
func Reconcile(ctx context.Context, db *pgxpool.Pool, source string) error {
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(`SELECT pg_advisory_xact_lock($1)`, lockFlush)
		b.Queue(`INSERT INTO live.last_seen (tenant, device, at, ip) SELECT tenant, device, enrolled_at, '' FROM (` + source + `) AS d ON CONFLICT DO NOTHING`)
		// Devices that enrolled a moment ago may not be in the source yet.
		b.Queue(`DELETE FROM live.last_seen s WHERE at < now() - interval '1 day' AND NOT EXISTS (
			SELECT FROM (` + source + `) AS d WHERE d.tenant = s.tenant AND d.device = s.device)`)
		b.Queue(`DELETE FROM live.seen_count`)
		b.Queue(`INSERT INTO live.seen_count (tenant, minutes, bucket, devices)
			SELECT tenant, w.minutes, floor(extract(epoch FROM at) / 60 / w.minutes)::int, count(*)
			FROM live.last_seen CROSS JOIN (VALUES (1), (60)) AS w (minutes) GROUP BY 1, 2, 3`)
		return tx.SendBatch(ctx, &b).Close()
	})
	if err != nil {
		return fmt.Errorf("live: reconcile: %w", err)
	}
	return nil
}
