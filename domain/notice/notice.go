// Package notice is what the portal tells people of its own accord: in the sidebar, by mail and by webhooks. A notice has a
// stream of its own, whose id follows from what it tells of. So each episode (this infection, this end of a license, this silence)
// is told once, however often and by however many portals it is found.
package notice

import (
	"time"

	"avportal/domain"
)

// ID names a notice. It follows from the tenant, the kind, the subject and the episode.
type ID string

// Recent is how long something is news. What lies further back is history, of which nobody is told: so a portal that meets an old log,
// or one that was away for weeks, begins without a storm.
const Recent = 72 * time.Hour

// Subject is what a notice is about; what is not concerned is empty.
type Subject struct {
	Customer domain.CustomerID `json:"customer,omitempty"` // empty: the reseller as a whole
	License  domain.LicenseID  `json:"license,omitempty"`
	Group    domain.GroupID    `json:"group,omitempty"` // where the device stood
	Device   domain.DeviceID   `json:"device,omitempty"`
	User     domain.UserID     `json:"user,omitempty"`
}

// Facts are what the text of a notice is made of. Which of them are there depends on the kind. None names a person.
type Facts struct {
	Name    string    `json:"name,omitempty"`    // of the device or the license, as it was called then
	Threat  string    `json:"threat,omitempty"`  // of virus_found and cleaning_failed
	Path    string    `json:"path,omitempty"`    // where the threat is
	Action  string    `json:"action,omitempty"`  // what the client did about the threat
	Guards  []string  `json:"guards,omitempty"`  // of guard_off: those that were switched off
	Request string    `json:"request,omitempty"` // of command_failed: its kind
	Code    string    `json:"code,omitempty"`    // of command_failed: why
	Detail  string    `json:"detail,omitempty"`  // of command_failed: in words of the client
	Since   time.Time `json:"since,omitzero"`    // of outdated: date of the signatures; of not_seen: the last contact
	Until   time.Time `json:"until,omitzero"`    // the end of the license or invitation
	Days    int       `json:"days,omitempty"`    // of license_expiring: the step that was reached
	Seats   int       `json:"seats,omitempty"`   // of the license
	Used    int       `json:"used,omitempty"`    // seats in use
}

// State is what decisions about a notice need.
type State struct{ scope domain.Scope }

// Events are the event types of a notice.
var Events = []domain.Declaration{
	domain.Declare[Raised](1),
}

// Stream is the stream of a notice.
func Stream(t domain.Tenant, id ID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindNotice, ID: string(id)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	if e, ok := e.(Raised); ok {
		s.scope = domain.Scope{Tenant: e.Tenant, Customer: e.Subject.Customer}
	}
	return s
}

// Scope is whom the notice concerns: a customer, or the reseller as a whole.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether the notice has been raised.
func (s State) Exists() bool { return s.scope.Tenant != "" }
