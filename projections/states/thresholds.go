package states

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/reseller"
	"avportal/eventstore"
	"avportal/projections"
)

// Schema creates the table that Table fills.
func Schema(name string) string { return fmt.Sprintf(schema, name) }

const schema = `CREATE TABLE %s (
    tenant                  uuid PRIMARY KEY,
    expiring_days           int NOT NULL,
    signature_warning_days  int NOT NULL,
    signature_outdated_days int NOT NULL,
    signature_critical_days int NOT NULL,
    offline_minutes         int NOT NULL,
    silent_days             int NOT NULL,
    stale_days              int NOT NULL,
    seats_percent           int NOT NULL
);
`

// TenantKey is the key of a reseller.
type TenantKey struct {
	Tenant domain.Tenant `db:"tenant"`
}

type row struct {
	TenantKey
	ExpiringDays          int32 `db:"expiring_days"`
	SignatureWarningDays  int32 `db:"signature_warning_days"`
	SignatureOutdatedDays int32 `db:"signature_outdated_days"`
	SignatureCriticalDays int32 `db:"signature_critical_days"`
	OfflineMinutes        int32 `db:"offline_minutes"`
	SilentDays            int32 `db:"silent_days"`
	StaleDays             int32 `db:"stale_days"`
	SeatsPercent          int32 `db:"seats_percent"`
}

// Table keeps a view's thresholds, under a name of the view's own. Schema makes it.
func Table(name string) projections.Table {
	return projections.NewTable(projections.TableSpec[row, TenantKey]{
		Name: name,
		Keys: func(r eventstore.Recorded, touch func(TenantKey)) {
			switch r.Event.(type) {
			case reseller.Registered, reseller.ThresholdsChanged:
				touch(TenantKey{r.Stream.Tenant})
			}
		},
		Creates: []domain.Event{reseller.Registered{}},
		Fold: func(t *row, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case reseller.Registered:
				t.set(domain.DefaultThresholds())
			case reseller.ThresholdsChanged:
				t.set(e.To)
			}
		},
	})
}

//nolint:gosec // thresholds are validated to be small
func (r *row) set(t domain.Thresholds) {
	r.ExpiringDays, r.SeatsPercent = int32(t.ExpiringDays), int32(t.SeatsPercent)
	r.SignatureWarningDays = int32(t.SignatureWarningDays)
	r.SignatureOutdatedDays = int32(t.SignatureOutdatedDays)
	r.SignatureCriticalDays = int32(t.SignatureCriticalDays)
	r.OfflineMinutes, r.SilentDays, r.StaleDays = int32(t.OfflineMinutes), int32(t.SilentDays), int32(t.StaleDays)
}

// Load gives the cutoffs of a reseller at a moment, by the thresholds in a table of a view; the default ones for a tenant that is
// not there.
func Load(ctx context.Context, db projections.Querier, table string, t domain.Tenant, now time.Time) (Cutoffs, error) {
	rows, err := db.Query(ctx, selectThresholds(table), t)
	if err != nil {
		return Cutoffs{}, fmt.Errorf("thresholds: %w", err)
	}
	return cutoffs(rows, now)
}

// Queue is Load for projections.Together.
func Queue(b *pgx.Batch, table string, t domain.Tenant, now time.Time, c *Cutoffs) {
	b.Queue(selectThresholds(table), t).Query(func(rows pgx.Rows) (err error) {
		*c, err = cutoffs(rows, now)
		return err
	})
}

func selectThresholds(table string) string {
	return `SELECT expiring_days, signature_warning_days, signature_outdated_days, signature_critical_days,
		offline_minutes, silent_days, stale_days, seats_percent FROM ` + pgx.Identifier{table}.Sanitize() + ` WHERE tenant = $1`
}

func cutoffs(rows pgx.Rows, now time.Time) (Cutoffs, error) {
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[domain.Thresholds])
	if err != nil {
		return Cutoffs{}, fmt.Errorf("thresholds: %w", err)
	}
	if len(list) == 0 {
		return At(domain.DefaultThresholds(), now), nil
	}
	return At(list[0], now), nil
}
