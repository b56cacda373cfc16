package devices

import (
	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// Guards are stored as two sets of bits in one number: those that are on, and from firstOff those that are off, so that SQL
// sees the colour without taking them apart. The order of the bits is part of the schema.
func guardList(g *device.Guards) [6]*device.Guard {
	return [6]*device.Guard{&g.Engine, &g.Realtime, &g.Mail, &g.Web, &g.Spam, &g.Autoscan}
}

const firstOff = 6

func packGuards(g device.Guards) (bits int16) {
	for i, guard := range guardList(&g) {
		switch *guard {
		case device.On:
			bits |= 1 << i
		case device.Off:
			bits |= 1 << (firstOff + i)
		}
	}
	return bits
}

func unpackGuards(bits int16) device.Guards {
	var g device.Guards
	for i, guard := range guardList(&g) {
		switch {
		case bits&(1<<i) != 0:
			*guard = device.On
		case bits&(1<<(firstOff+i)) != 0:
			*guard = device.Off
		}
	}
	return g
}

type unguardedRow struct {
	projections.Presence
	DeviceKey
}

// unguarded are the devices that are not green, kept apart so that they are found without an index on all devices.
func unguarded() projections.Table {
	return projections.NewTable(projections.TableSpec[unguardedRow, DeviceKey]{
		Name: "unguarded",
		Keys: func(r eventstore.Recorded, touch func(DeviceKey)) {
			switch r.Event.(type) {
			case device.Enrolled, device.GuardsChanged, device.Removed:
				touch(DeviceKey{r.Stream.Tenant, rowkey.Key(r.Stream.ID)})
			}
		},
		Creates:  []domain.Event{device.Enrolled{}}, // which tells of no guards
		Upserts:  []domain.Event{device.GuardsChanged{}},
		Optional: []domain.Event{device.Removed{}},
		Fold: func(row *unguardedRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case device.GuardsChanged:
				if e.To.Protection() == device.Green {
					row.Delete()
				}
			case device.Removed:
				row.Delete()
			}
		},
	})
}
