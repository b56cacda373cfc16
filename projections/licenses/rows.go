package licenses

import (
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/projections"
)

// CustomerKey is the key of a customer.
type CustomerKey struct {
	Tenant   domain.Tenant     `db:"tenant"`
	Customer domain.CustomerID `db:"customer"`
}

type customerRow struct {
	CustomerKey
	Name   string `db:"name"`
	Number string `db:"number"`
}

func customerTable() projections.Table {
	return projections.NewTable(projections.TableSpec[customerRow, CustomerKey]{
		Name: "customer",
		Keys: func(r eventstore.Recorded, touch func(CustomerKey)) {
			switch r.Event.(type) {
			case customer.Imported, customer.Renamed:
				touch(CustomerKey{r.Stream.Tenant, domain.CustomerID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{customer.Imported{}},
		Fold: func(row *customerRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case customer.Imported:
				row.Name, row.Number = e.Name, e.Number
			case customer.Renamed:
				row.Name = e.To
			}
		},
	})
}

// LicenseKey is the key of a license.
type LicenseKey struct {
	Tenant  domain.Tenant    `db:"tenant"`
	License domain.LicenseID `db:"license"`
}

type licenseRow struct {
	LicenseKey
	Customer   domain.CustomerID `db:"customer"`
	Name       string            `db:"name"`
	TID        domain.TID        `db:"tid"`
	Kind       license.Kind      `db:"kind"`
	Seats      int32             `db:"seats"`
	Used       int32             `db:"used"`
	TermYears  int32             `db:"term_years"`
	ValidFrom  time.Time         `db:"valid_from"`
	ValidUntil time.Time         `db:"valid_until"`
}

func licenseTable() projections.Table {
	return projections.NewTable(projections.TableSpec[licenseRow, LicenseKey]{
		Name: "license",
		Keys: func(r eventstore.Recorded, touch func(LicenseKey)) {
			if r.Stream.Kind == domain.KindLicense {
				touch(LicenseKey{r.Stream.Tenant, domain.LicenseID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{license.Imported{}},
		Fold:    foldLicense,
	})
}

//nolint:gosec // seats and years are validated to be small
func foldLicense(row *licenseRow, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case license.Imported:
		row.Customer, row.Name, row.TID, row.Kind = e.Customer, e.Name, e.Key, e.Kind
		row.Seats, row.TermYears = int32(e.Seats), int32(e.TermYears)
		row.ValidFrom, row.ValidUntil = e.ValidFrom, e.ValidUntil
	case license.Renewed:
		row.ValidUntil, row.TermYears = e.To, int32(e.TermYears)
	case license.SeatsChanged:
		row.Seats = int32(e.To)
	case license.Renamed:
		row.Name = e.To
	case license.Activated:
		row.Used = int32(e.Used)
	case license.Released:
		row.Used = int32(e.Used)
	}
}

// GroupKey is the key of a group.
type GroupKey struct {
	Tenant domain.Tenant  `db:"tenant"`
	Group  domain.GroupID `db:"group_id"`
}

type groupRow struct {
	projections.Presence
	GroupKey
	License domain.LicenseID `db:"license"`
	Parent  domain.GroupID   `db:"parent"`
	Name    string           `db:"name"`
	Devices int32            `db:"devices"`
	Profile domain.ProfileID `db:"profile"`
}

func groupTable() projections.Table {
	return projections.NewTable(projections.TableSpec[groupRow, GroupKey]{
		Name:    "license_group",
		Keys:    groupKeys,
		Creates: []domain.Event{group.MainCreated{}, group.Created{}},
		Fold:    foldGroup,
		Counters: []projections.Counter[groupRow]{projections.NewCounter("license_size", func(g groupRow, add func(LicenseSize)) {
			add(LicenseSize{Tenant: g.Tenant, License: g.License, Groups: 1, Devices: int64(g.Devices)})
		})},
	})
}

// LicenseSize counts groups and devices of a license.
type LicenseSize struct {
	Tenant  domain.Tenant    `db:"tenant"`
	License domain.LicenseID `db:"license"`
	Groups  int64            `db:"groups"`
	Devices int64            `db:"devices"`
}

func groupKeys(r eventstore.Recorded, touch func(GroupKey)) {
	id := func(g domain.GroupID) { touch(GroupKey{r.Stream.Tenant, g}) }
	switch e := r.Event.(type) {
	case group.MainCreated:
		id(e.Group)
	case group.Created:
		id(e.Group)
	case group.Renamed:
		id(e.Group)
	case group.Moved:
		id(e.Group)
	case group.Deleted:
		id(e.Group)
	case group.ProfileChosen:
		id(e.Group)
	case group.DeviceAdded:
		id(e.Group)
	case group.DeviceRemoved:
		id(e.Group)
	case group.DeviceMoved:
		id(e.From)
		id(e.To)
	}
}

func foldGroup(row *groupRow, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case group.MainCreated:
		row.License, row.Name = e.License, e.Name
	case group.Created:
		row.License, row.Parent, row.Name = e.Group.License(), e.Parent, e.Name
	case group.Renamed:
		row.Name = e.To
	case group.Moved:
		row.Parent = e.To
	case group.Deleted:
		row.Delete()
	case group.ProfileChosen:
		row.Profile = e.To
	case group.DeviceAdded:
		row.Devices++
	case group.DeviceRemoved:
		row.Devices--
	case group.DeviceMoved:
		if row.Group == e.To {
			row.Devices++
		} else {
			row.Devices--
		}
	}
}
