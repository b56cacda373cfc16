// Package dashboard answers what needs attention, in figures and with the first entries of each. It counts licenses itself; the
// devices are counted where they stand, in the view of devices.
package dashboard

import (
	_ "embed"
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/license"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/states"
)

//go:embed schema.sql
var schema string

const thresholdsTable = "dashboard_thresholds"

// View is the read model. Every counter is looked up by its primary key.
var View = projections.View{
	Name: "dashboard", Version: 1, Schema: states.Schema(thresholdsTable) + schema,
	Tables: []projections.Table{states.Table(thresholdsTable), customerTable(), licenseTable()},
}

// CustomerKey is the key of a customer.
type CustomerKey struct {
	Tenant   domain.Tenant     `db:"tenant"`
	Customer domain.CustomerID `db:"customer"`
}

type customerRow struct{ CustomerKey }

// CustomerCount counts customers.
type CustomerCount struct {
	Tenant    domain.Tenant     `db:"tenant"`
	Customer  domain.CustomerID `db:"customer"`
	Customers int64             `db:"customers"`
}

func customerTable() projections.Table {
	return projections.NewTable(projections.TableSpec[customerRow, CustomerKey]{
		Name: "dashboard_customer",
		Keys: func(r eventstore.Recorded, touch func(CustomerKey)) {
			if _, ok := r.Event.(customer.Imported); ok {
				touch(CustomerKey{r.Stream.Tenant, domain.CustomerID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{customer.Imported{}},
		Fold:    func(*customerRow, eventstore.Recorded) {}, // that the row is there is all it says
		Counters: []projections.Counter[customerRow]{projections.NewCounter("customer_count", func(c customerRow, add func(CustomerCount)) {
			add(CustomerCount{Tenant: c.Tenant, Customers: 1})
			add(CustomerCount{Tenant: c.Tenant, Customer: c.Customer, Customers: 1})
		})},
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
	Limited    bool              `db:"limited"`
	Seats      int32             `db:"seats"`
	Used       int32             `db:"used"`
	ValidUntil time.Time         `db:"valid_until"`
}

func licenseTable() projections.Table {
	return projections.NewTable(projections.TableSpec[licenseRow, LicenseKey]{
		Name: "dashboard_license",
		Keys: func(r eventstore.Recorded, touch func(LicenseKey)) {
			switch r.Event.(type) {
			case license.Imported, license.Renewed, license.SeatsChanged, license.Activated, license.Released:
				touch(LicenseKey{r.Stream.Tenant, domain.LicenseID(r.Stream.ID)})
			}
		},
		Creates: []domain.Event{license.Imported{}},
		Fold:    foldLicense,
		Counters: []projections.Counter[licenseRow]{
			projections.NewCounter("license_end_count", countEnd), projections.NewCounter("license_seats_count", countSeats),
		},
	})
}

//nolint:gosec // seats are validated to be at most a million
func foldLicense(l *licenseRow, r eventstore.Recorded) {
	switch e := r.Event.(type) {
	case license.Imported:
		l.Customer, l.Limited, l.Seats, l.ValidUntil = e.Customer, e.Kind != license.MSP, int32(e.Seats), e.ValidUntil
	case license.Renewed:
		l.ValidUntil = e.To
	case license.SeatsChanged:
		l.Seats = int32(e.To)
	case license.Activated:
		l.Used = int32(e.Used)
	case license.Released:
		l.Used = int32(e.Used)
	}
}

// EndCount counts licenses: all of them, by the month of their end, and by the very instant of it. The past is summed by
// months and only what is near by instants, so that the cost stays the same however many licenses there are.
type EndCount struct {
	Tenant   domain.Tenant     `db:"tenant"`
	Customer domain.CustomerID `db:"customer"`
	Span     span              `db:"span"`
	Until    time.Time         `db:"until"` // the month's first instant, or the end itself; the zero time for all
	Licenses int64             `db:"licenses"`
}

// span is how finely an end is counted.
type span int16

const (
	allEnds span = iota
	byMonth
	byInstant
)

func countEnd(l licenseRow, add func(EndCount)) {
	for _, c := range []domain.CustomerID{"", l.Customer} {
		add(EndCount{Tenant: l.Tenant, Customer: c, Span: allEnds, Licenses: 1})
		if !l.ValidUntil.IsZero() {
			add(EndCount{Tenant: l.Tenant, Customer: c, Span: byMonth, Until: month(l.ValidUntil), Licenses: 1})
			add(EndCount{Tenant: l.Tenant, Customer: c, Span: byInstant, Until: l.ValidUntil, Licenses: 1})
		}
	}
}

// month is the first instant of the month of t, in UTC.
func month(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// SeatsCount counts licenses with a limit by the share of seats in use.
type SeatsCount struct {
	Tenant   domain.Tenant     `db:"tenant"`
	Customer domain.CustomerID `db:"customer"`
	Percent  int32             `db:"percent"`
	Licenses int64             `db:"licenses"`
}

func countSeats(l licenseRow, add func(SeatsCount)) {
	if !l.Limited {
		return
	}
	percent := int32(100)
	if l.Used < l.Seats {
		percent = int32(int64(l.Used) * 100 / int64(l.Seats)) //nolint:gosec // below 100
	}
	add(SeatsCount{Tenant: l.Tenant, Percent: percent, Licenses: 1})
	add(SeatsCount{Tenant: l.Tenant, Customer: l.Customer, Percent: percent, Licenses: 1})
}
