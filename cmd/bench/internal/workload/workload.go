// Package workload makes the history of a fleet, the same one for the same seed, by the domain's own commands. Its mix
// is that of the study the targets come from: of a hundred events, 20 enrollments, 73 reports of a device's state, 3
// threats found, 1.6 threats gone, 2.4 moves.
package workload

import (
	"encoding/hex"
	"math/rand/v2"
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/eventstore"
)

// Shape is how large a fleet is.
type Shape struct {
	Tenants  int // resellers
	Devices  int // enrolled to begin with
	Reserved int // further ones that have a seat and a place, and enroll while the mix runs
}

const (
	perLicense  = 40 // devices
	perCustomer = 2  // licenses
	seats       = 2 * perLicense
)

// Append is what one command has left: events for one stream, after a revision of it.
type Append struct {
	At     time.Time // by the fleet's clock
	Stream domain.Stream
	After  eventstore.Revision
	Events []eventstore.Proposed
}

// Fleet is a fleet with its history so far. It is not safe for concurrent use.
type Fleet struct {
	rnd       *rand.Rand
	clock     time.Time
	licenses  []place
	devices   []*Device // those enrolled come first
	enrolled  int
	infected  []int // indexes of devices with threats
	revisions map[domain.Stream]eventstore.Revision
}

type place struct {
	tenant   domain.Tenant
	customer domain.CustomerID
	license  domain.LicenseID
	groups   [2]domain.GroupID
	members  group.State
	seats    license.State
}

// Device is one of the fleet's devices and what its events add up to.
type Device struct {
	ID        domain.DeviceID
	Tenant    domain.Tenant
	GUID      string
	License   int // index
	State     device.State
	Telemetry device.Telemetry
	Facts     device.Facts
	Revision  eventstore.Revision // of its stream
	observed  eventstore.Revision
	threats   []device.Threat
	found     int
	unguarded bool
}

// New makes an empty fleet. Call Ground and Begin for its first events, and Next for each further one.
func New(seed uint64, s Shape) *Fleet {
	f := &Fleet{
		rnd:       rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // the same numbers each time are the point
		clock:     time.Date(2026, 6, 1, 8, 0, 0, 0, time.UTC),
		revisions: map[domain.Stream]eventstore.Revision{},
	}
	total := s.Devices + s.Reserved
	tenants := make([]domain.Tenant, max(s.Tenants, 1))
	for i := range tenants {
		id := f.uuid()
		tenants[i] = domain.Tenant(hex.EncodeToString(id[:]))
	}
	var owner domain.CustomerID
	for i := range (total + perLicense - 1) / perLicense {
		if i%perCustomer == 0 {
			owner = domain.CustomerID(f.uuid().String())
		}
		id := domain.LicenseID(f.uuid().String())
		f.licenses = append(f.licenses, place{
			tenant: tenants[i/perCustomer%len(tenants)], customer: owner, license: id,
			groups: [2]domain.GroupID{group.Main(id), domain.NewGroupID(id, f.uuid().String())},
		})
	}
	for i := range total {
		l := i % len(f.licenses)
		f.devices = append(f.devices, &Device{
			ID: domain.DeviceID(f.uuid().String()), Tenant: f.licenses[l].tenant, GUID: f.uuid().String(), License: l,
			Revision: eventstore.NoStream, observed: eventstore.NoStream,
		})
	}
	f.enrolled = s.Devices
	return f
}

// Tenants lists the fleet's resellers.
func (f *Fleet) Tenants() []domain.Tenant {
	var list []domain.Tenant
	seen := map[domain.Tenant]bool{}
	for _, l := range f.licenses {
		if !seen[l.tenant] {
			seen[l.tenant] = true
			list = append(list, l.tenant)
		}
	}
	return list
}

// Device is the device with an index; those below Enrolled are enrolled.
func (f *Fleet) Device(i int) *Device { return f.devices[i] }

// Now is the fleet's clock.
func (f *Fleet) Now() time.Time { return f.clock }

// Enrolled is how many devices are.
func (f *Fleet) Enrolled() int { return f.enrolled }

// License is the id of the license with an index.
func (f *Fleet) License(i int) domain.LicenseID { return f.licenses[i].license }

// Scope is where a device belongs.
func (f *Fleet) Scope(d *Device) domain.Scope {
	return domain.Scope{Tenant: d.Tenant, Customer: f.licenses[d.License].customer}
}
