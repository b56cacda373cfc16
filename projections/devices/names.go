package devices

import (
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// CustomerKey is the key of a customer.
type CustomerKey struct {
	Tenant   domain.Tenant     `db:"tenant"`
	Customer domain.CustomerID `db:"customer"`
}

type customerRow struct {
	CustomerKey
	Name string `db:"name"`
}

func customers() projections.Table {
	return projections.NewTable(projections.TableSpec[customerRow, CustomerKey]{
		Name: "device_customer",
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
				row.Name = e.Name
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
	ValidUntil time.Time         `db:"valid_until"` // zero: no end
}

func licenses() projections.Table {
	return projections.NewTable(projections.TableSpec[licenseRow, LicenseKey]{
		Name: "device_license",
		Keys: func(r eventstore.Recorded, touch func(LicenseKey)) {
			switch r.Event.(type) {
			case license.Imported, license.Renewed, license.Renamed:
				touch(LicenseKey{r.Stream.Tenant, domain.LicenseID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{license.Imported{}},
		Fold: func(row *licenseRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case license.Imported:
				row.Customer, row.Name, row.ValidUntil = e.Customer, e.Name, e.ValidUntil
			case license.Renewed:
				row.ValidUntil = e.To
			case license.Renamed:
				row.Name = e.To
			}
		},
	})
}

// PlaceKey is the key of a place: a group of a license.
type PlaceKey struct {
	Tenant domain.Tenant  `db:"tenant"`
	Place  rowkey.Address `db:"place"`
}

type placeRow struct {
	PlaceKey
	License domain.LicenseID `db:"license"`
	Group   domain.GroupID   `db:"group_id"`
	Parent  rowkey.Address   `db:"parent"`
	Name    string           `db:"name"`
	Deleted bool             `db:"deleted"`
}

// placeOf is the address of a group; 0 is nowhere, where the parent of a main group stands.
func placeOf(g domain.GroupID) rowkey.Address { return rowkey.AddressOf(string(g)) }

func places() projections.Table {
	return projections.NewTable(projections.TableSpec[placeRow, PlaceKey]{
		Name: "place",
		Keys: func(r eventstore.Recorded, touch func(PlaceKey)) {
			if g, ok := groupOf(r.Event); ok {
				touch(PlaceKey{r.Stream.Tenant, placeOf(g)})
			}
		},
		Creates: []domain.Event{group.MainCreated{}},
		Upserts: []domain.Event{group.Created{}}, // a group that was deleted may be created again
		Fold: func(row *placeRow, r eventstore.Recorded) {
			switch e := r.Event.(type) {
			case group.MainCreated:
				row.License, row.Group, row.Name = e.License, e.Group, e.Name
			case group.Created:
				row.License, row.Group, row.Name = e.Group.License(), e.Group, e.Name
				row.Parent, row.Deleted = placeOf(e.Parent), false
			case group.Renamed:
				row.Name = e.To
			case group.Moved:
				row.Parent = placeOf(e.To)
			case group.Deleted:
				row.Deleted = true
			}
		},
	})
}

func groupOf(e domain.Event) (domain.GroupID, bool) {
	switch e := e.(type) {
	case group.MainCreated:
		return e.Group, true
	case group.Created:
		return e.Group, true
	case group.Renamed:
		return e.Group, true
	case group.Moved:
		return e.Group, true
	case group.Deleted:
		return e.Group, true
	}
	return "", false
}
