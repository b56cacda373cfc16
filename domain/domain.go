// Package domain holds what the portal's business is made of: events, the states they add up to, and commands that
// decide which events follow. It is pure: no I/O, no clock, no chance. Times and ids enter as fields of a command.
package domain

// Event is a fact. The type name is what is stored; Go names are free to change.
// Events hold no pointers and no maps, and their times are UTC.
type Event interface{ EventType() string }

// State is what an aggregate's events add up to; the zero value is the state of an empty stream.
// It holds only what decisions need.
type State[S any] interface {
	// Evolve returns the state after one more event. It may reuse the receiver's memory: only the result is valid afterwards.
	Evolve(Event) S
	// Scope says whose data this is. It comes from the events, never from a request.
	Scope() Scope
}

// Command is an intent that knows how to decide itself.
type Command[S any] interface {
	// Stream names the one stream that the command reads and appends to.
	Stream() Stream
	// Needs is the permission that an actor must hold.
	Needs() Permission
	// Decide is pure. No events and no error means "already so".
	Decide(S) ([]Event, error)
}

// Creator is a command that may start a stream. Creates says whose data the new stream will be, since an empty
// stream can't tell.
type Creator interface{ Creates() Scope }

// Licensed is a state that lives under a license. Unless the command says otherwise by AllowedWhenExpired, the
// pipeline refuses every command on it once that license has expired.
type Licensed interface{ License() LicenseID }

// AllowedWhenExpired marks the few commands that an expired license does not refuse: those that concern renewal,
// those by which a client merely says how it is, and those that give a seat back.
type AllowedWhenExpired interface{ AllowedWhenExpired() }

// Ids of aggregates are opaque strings, in practice UUIDs; the types keep them apart.
type (
	// CustomerID names a customer.
	CustomerID string
	// LicenseID names a license.
	LicenseID string
	// GroupID names a node in the group tree of one license: "<license id>.<local id>", so the tree is found without a look-up.
	GroupID string
	// UserID names a membership: a person in one organization, the reseller as a whole or one of its customers. It is what the
	// action log calls the person, and the subject of his personal texts.
	UserID string
	// PersonID names a person, who may be a member of several organizations, also of different resellers.
	PersonID string
	// DeviceID names a device.
	DeviceID string
	// ProfileID names a configuration profile.
	ProfileID string
	// LinkID names one use of a profile by a group: each time that a group begins to use one, that is another link.
	LinkID string
)

// Scope is a place in the hierarchy reseller -> customer. An empty customer means the reseller as a whole.
type Scope struct {
	Tenant   Tenant     `json:"tenant"`
	Customer CustomerID `json:"customer,omitempty"`
}

// NewGroupID joins a license and a local id.
func NewGroupID(l LicenseID, local string) GroupID { return GroupID(string(l) + "." + local) }

// License is the license whose tree the group stands in; empty if the id is malformed.
func (g GroupID) License() LicenseID {
	for i := len(g) - 1; i >= 0; i-- {
		if g[i] == '.' {
			return LicenseID(g[:i])
		}
	}
	return ""
}
