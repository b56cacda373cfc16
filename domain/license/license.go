// Package license is what a customer has bought: seats for devices, and until when they hold.
//
// An expired license refuses everything but renewal, import and giving seats back.
package license

import (
	"time"

	"avportal/domain"
)

// Kind is how a license is paid.
type Kind string

// The kinds there are.
const (
	Purchase Kind = "purchase" // a number of seats for a term of years
	MSP      Kind = "msp"      // by consumption: any number of seats, usually without an end
)

// State is what decisions about a license need. Its methods read nothing that Evolve changes in place, except Holds,
// which is for decisions.
type State struct {
	scope   domain.Scope
	name    string
	key     domain.TID
	kind    Kind
	seats   int
	until   time.Time
	used    int
	devices map[domain.DeviceID]struct{}
}

// Events are the event types of a license.
var Events = []domain.Declaration{
	domain.Declare[Imported](1),
	domain.Declare[Renewed](1),
	domain.Declare[SeatsChanged](1),
	domain.Declare[Renamed](1),
	domain.Declare[Activated](1),
	domain.Declare[Released](1),
}

// Stream is the stream of a license.
func Stream(t domain.Tenant, l domain.LicenseID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindLicense, ID: string(l)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Imported:
		s = State{
			scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer},
			name:  e.Name, key: e.Key, kind: e.Kind, seats: e.Seats, until: e.ValidUntil,
		}
	case Renewed:
		s.until = e.To
	case SeatsChanged:
		s.seats = e.To
	case Renamed:
		s.name = e.To
	case Activated:
		if s.devices == nil {
			s.devices = map[domain.DeviceID]struct{}{}
		}
		s.devices[e.Device] = struct{}{}
		s.used = len(s.devices)
	case Released:
		delete(s.devices, e.Device)
		s.used = len(s.devices)
	}
	return s
}

// Scope is the customer who has bought the license.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether the license has been imported.
func (s State) Exists() bool { return s.scope.Tenant != "" }

// Standing is what other aggregates may know.
func (s State) Standing() domain.Standing {
	return domain.Standing{Exists: s.Exists(), Scope: s.scope, Until: s.until}
}

// ExpiredAt reports whether the license no longer holds at t.
func (s State) ExpiredAt(t time.Time) bool { return s.Standing().ExpiredAt(t) }

// Key is the license's TID.
func (s State) Key() domain.TID { return s.key }

// Accepts reports whether a TID that a device showed is the license's own.
func (s State) Accepts(t domain.TID) bool { return s.key.Equal(t) }

// Name is the license's name.
func (s State) Name() string { return s.name }

// Kind is how the license is paid.
func (s State) Kind() Kind { return s.kind }

// Seats is how many devices the license is for; an MSP license has no limit, whatever this says.
func (s State) Seats() int { return s.seats }

// Used is the number of seats in use.
func (s State) Used() int { return s.used }

// Holds reports whether the device has a seat.
func (s State) Holds(d domain.DeviceID) bool {
	_, held := s.devices[d]
	return held
}
