package devices

import (
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

type infectionRow struct {
	projections.Presence
	DeviceKey
	At time.Time `db:"at"`
}

// infections are the devices with open threats, kept apart so that the newest are found without an index on all devices.
func infections() projections.Table {
	return projections.NewTable(projections.TableSpec[infectionRow, DeviceKey]{
		Name: "infection",
		Keys: func(r eventstore.Recorded, touch func(DeviceKey)) {
			switch r.Event.(type) {
			case device.ThreatFound, device.ThreatResolved, device.Removed:
				touch(DeviceKey{r.Stream.Tenant, rowkey.Key(r.Stream.ID)})
			}
		},
		Upserts:  []domain.Event{device.ThreatFound{}},
		Optional: []domain.Event{device.Removed{}},
		Fold: func(row *infectionRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case device.ThreatFound:
				if at := when(e.FoundAt, r); at.After(row.At) {
					row.At = at
				}
			case device.ThreatResolved:
				if e.Open == 0 {
					row.Delete()
				}
			case device.Removed:
				row.Delete()
			}
		},
	})
}

// ThreatKey is the key of a threat.
type ThreatKey struct {
	Tenant domain.Tenant `db:"tenant"`
	Device rowkey.Key    `db:"device"`
	Threat string        `db:"threat"`
}

type threatRow struct {
	ThreatKey
	Name       string            `db:"name"`
	Path       string            `db:"path"`
	Action     string            `db:"action"`
	FoundAt    time.Time         `db:"found_at"`
	ResolvedAt time.Time         `db:"resolved_at"` // zero: open
	How        device.Resolution `db:"how"`
}

// threats are all that were ever found. They stay when the device is removed, without any query that shows them.
func threats() projections.Table {
	return projections.NewTable(projections.TableSpec[threatRow, ThreatKey]{
		Name: "threat",
		Keys: func(r eventstore.Recorded, touch func(ThreatKey)) {
			switch e := r.Event.(type) {
			case device.ThreatFound:
				touch(ThreatKey{r.Stream.Tenant, rowkey.Key(r.Stream.ID), e.Threat})
			case device.ThreatResolved:
				touch(ThreatKey{r.Stream.Tenant, rowkey.Key(r.Stream.ID), e.Threat})
			}
		},
		// A client that forgot what it said long ago may use an id again: then the threat is back.
		Upserts: []domain.Event{device.ThreatFound{}},
		Fold: func(row *threatRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case device.ThreatFound:
				*row = threatRow{ThreatKey: row.ThreatKey, Name: e.Name, Path: e.Path, Action: e.Action, FoundAt: when(e.FoundAt, r)}
			case device.ThreatResolved:
				row.ResolvedAt, row.How = when(e.ResolvedAt, r), e.How
				if e.Action != "" {
					row.Action = e.Action
				}
			}
		},
	})
}

// when is the time that a device tells, which may have been offline since. A clock that is ahead of the portal's is not believed.
func when(told time.Time, r eventstore.Recorded) time.Time {
	if told.IsZero() || told.After(r.At) {
		return r.At
	}
	return told
}
