// Package device is one installation of the antivirus client: where it belongs, what it says of itself, and what it
// has been asked to do. What merely changes all the time stands apart, in Telemetry.
package device

import (
	"slices"
	"unique"

	"avportal/domain"
)

// State is what decisions about a device need. There are very many of them in memory, hence its form: devices of one
// group share what is the same for them, and what most devices do not have costs one pointer. Nothing in it is changed in place.
type State struct {
	place   unique.Handle[place] // the zero handle, unless it exists
	guid    uint64               // hash of the GUID
	guards  Guards
	exists  bool
	removed bool
	own     *own // nil for a device without a designation, threats, requests and a recent past
}

// place is what many devices have in common: where they stand, and the profile that their clients are set by, which is their
// group's.
type place struct {
	scope   domain.Scope
	group   domain.GroupID
	applied Configuration
}

// own is what few devices have. It is copied when it changes.
type own struct {
	label   string
	current *current // nil for a device without threats, requests and a recent past
}

// current is what occupies a device just now. It is copied when it changes.
type current struct {
	threats  []openThreat
	requests []Pending
	over     []uint64 // hashes of the last ids of threats and requests that are over, at most maxOver
}

// maxOver bounds what a device remembers of ids that are over. It is enough to recognize what a client says twice.
const maxOver = 32

// Events are the event types of a device and of its telemetry.
var Events = []domain.Declaration{
	domain.Declare[Enrolled](1),
	domain.Declare[Moved](1),
	domain.Declare[Relabeled](1),
	domain.Declare[Removed](1),
	domain.Declare[ThreatFound](1),
	domain.Declare[ThreatResolved](1),
	domain.Declare[GuardsChanged](1),
	domain.Declare[ScanRequested](1),
	domain.Declare[UpdateRequested](1),
	domain.Declare[ProfileRequested](1),
	domain.Declare[ProfileApplied](1),
	domain.Declare[LogRequested](1),
	domain.Declare[LogReceived](1),
	domain.Declare[LogDownloaded](1),
	domain.Declare[RequestSent](1),
	domain.Declare[RequestStarted](1),
	domain.Declare[RequestCompleted](1),
	domain.Declare[RequestAborted](1),
	domain.Declare[Observed](1),
}

// ErrRemoved says that a device is gone for good. The client that meets it stops reporting.
var ErrRemoved = &domain.Error{
	Class: domain.Conflict, Code: "device_removed",
	Message: "The device has been removed. Install the client again to enroll it anew.",
}

// Stream is the stream of a device.
func Stream(t domain.Tenant, d domain.DeviceID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindDevice, ID: string(d)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Enrolled:
		s = State{exists: true, guid: hash(e.GUID)}
		s.place = unique.Make(place{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, group: e.Group})
	case Moved:
		to := s.common()
		to.scope.Customer, to.group = e.ToCustomer, e.ToGroup
		s.place = unique.Make(to)
	case Relabeled:
		s.own = ownOf(e.To, s.current())
	case Removed:
		s.removed, s.own = true, s.with(nil)
	case GuardsChanged:
		s.guards = e.To
	case ThreatFound:
		s.own = s.with(s.now().opened(openThreat{id: e.Threat, name: e.Name, path: e.Path}))
	case ThreatResolved:
		s.own = s.with(s.now().resolved(e.Threat))
	case ScanRequested:
		s.own = s.with(s.now().requested(Pending{ID: e.Request, Kind: Scan, Profile: e.Profile, Name: e.Name, Paths: e.Paths, RequestedAt: e.At, ExpiresAt: e.ExpiresAt}))
	case UpdateRequested:
		s.own = s.with(s.now().requested(Pending{ID: e.Request, Kind: Update, RequestedAt: e.At, ExpiresAt: e.ExpiresAt}))
	case ProfileRequested:
		s.own = s.with(s.now().requested(Pending{ID: e.Request, Kind: ApplyProfile, Configuration: e.Configuration, RequestedAt: e.At, ExpiresAt: e.ExpiresAt}))
	case LogRequested:
		s.own = s.with(s.now().requested(Pending{ID: e.Request, Kind: FetchLog, RequestedAt: e.At, ExpiresAt: e.ExpiresAt}))
	case ProfileApplied:
		with := s.common()
		with.applied = e.To
		s.place = unique.Make(with)
	case RequestSent:
		s.own = s.with(s.now().changed(e.Request, func(p *Pending) { p.phase = sent }))
	case RequestStarted:
		s.own = s.with(s.now().changed(e.Request, func(p *Pending) { p.phase, p.startedAt = started, e.At }))
	case RequestCompleted:
		s.own = s.with(s.now().finished(e.Request))
	case RequestAborted:
		s.own = s.with(s.now().finished(e.Request))
	}
	return s
}

// ownOf is nil if there is nothing to keep.
func ownOf(label string, c *current) *own {
	if label == "" && c == nil {
		return nil
	}
	return &own{label, c}
}

// with is what is the device's own when something else occupies it.
func (s State) with(c *current) *own { return ownOf(s.Label(), c) }

// current is what occupies the device, or nil. It may not be changed.
func (s State) current() *current {
	if s.own == nil {
		return nil
	}
	return s.own.current
}

// now is a copy of what occupies the device, to be changed.
func (s State) now() *current {
	c := s.current()
	if c == nil {
		return &current{}
	}
	changed := *c
	return &changed
}

func (s State) common() place {
	if s.place == (unique.Handle[place]{}) {
		return place{}
	}
	return s.place.Value()
}

// Scope is the customer to whom the device belongs.
func (s State) Scope() domain.Scope { return s.common().scope }

// License is the license that the device has a seat of.
func (s State) License() domain.LicenseID { return s.common().group.License() }

// Group is where in the license's tree the device stands.
func (s State) Group() domain.GroupID { return s.common().group }

// Exists reports whether the device has been enrolled, removed or not.
func (s State) Exists() bool { return s.exists }

// Removed reports whether the device is gone.
func (s State) Removed() bool { return s.removed }

// Label is the designation that people gave the device; empty if none.
func (s State) Label() string {
	if s.own == nil {
		return ""
	}
	return s.own.label
}

// OpenThreats is the number of threats on the device.
func (s State) OpenThreats() int { return len(s.threats()) }

// HasThreat reports whether a threat is on the device still.
func (s State) HasThreat(id string) bool {
	return slices.ContainsFunc(s.threats(), func(t openThreat) bool { return t.id == id })
}

// alive refuses what can't be done to a device that is not there, or not any more.
func (s State) alive() error {
	switch {
	case !s.exists:
		return domain.ErrNotFound
	case s.removed:
		return ErrRemoved
	}
	return nil
}

// isOver reports whether an id is that of a threat or request that ended not long ago.
func (s State) isOver(id string) bool {
	c := s.current()
	return c != nil && slices.Contains(c.over, hash(id))
}

// hash is FNV-1a. It stands for an id where only equality matters and where the id itself would cost memory.
func hash(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for _, p := range parts {
		for i := range len(p) {
			h = (h ^ uint64(p[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211 // 0xff is in no UTF-8 text, so parts can't run into each other
	}
	return h
}
