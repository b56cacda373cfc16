package profiles

import (
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
)

// DeviceKey is the key of a device.
type DeviceKey struct {
	Tenant domain.Tenant   `db:"tenant"`
	Device domain.DeviceID `db:"device"`
}

type appliedRow struct {
	projections.Presence
	DeviceKey
	Profile domain.ProfileID `db:"profile"`
	Edition int32            `db:"edition"`
}

// applied holds the devices that are set by a profile, and by which.
func applied() projections.Table {
	return projections.NewTable(projections.TableSpec[appliedRow, DeviceKey]{
		Name: "applied_profile",
		Keys: func(r eventstore.Recorded, touch func(DeviceKey)) {
			switch r.Event.(type) {
			case device.ProfileApplied, device.Removed:
				touch(DeviceKey{r.Stream.Tenant, domain.DeviceID(r.Stream.ID)})
			}
		},
		Upserts:  []domain.Event{device.ProfileApplied{}},
		Optional: []domain.Event{device.Removed{}},
		Fold: func(row *appliedRow, r eventstore.Recorded) {
			e, ok := r.Event.(device.ProfileApplied)
			if !ok || e.To.Profile == "" {
				row.Delete()
				return
			}
			row.Profile, row.Edition = e.To.Profile, int32(e.To.Edition) //nolint:gosec // nobody changes settings so often
		},
	})
}

// Applied asks, together with other questions, by which profile devices are set, as they have told themselves. The answer goes into
// applied; those that are set by none are left out.
func Applied(b *pgx.Batch, t domain.Tenant, ids []domain.DeviceID, applied map[domain.DeviceID]device.Configuration) {
	clear(applied)
	b.Queue(`SELECT device, profile, edition FROM applied_profile WHERE tenant = $1 AND device = ANY($2)`, t, ids).Query(func(rows pgx.Rows) error {
		var id domain.DeviceID
		var c device.Configuration
		_, err := pgx.ForEachRow(rows, []any{&id, &c.Profile, &c.Edition}, func() error {
			applied[id] = c
			return nil
		})
		return err
	})
}
