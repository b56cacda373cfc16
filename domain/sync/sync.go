// Package sync is one synchronization with the Reseller Portal, in which customers and licenses are born. What it has
// brought stands with the customers and licenses; here stands that it was done, why, and how it came out.
package sync

import "avportal/domain"

// ID names one synchronization.
type ID string

// Trigger is what led to a synchronization.
type Trigger string

// The triggers there are.
const (
	SignIn Trigger = "sign_in" // the first sign-in, or one after a long time
	Daily  Trigger = "daily"
	Demand Trigger = "demand" // somebody asked for it
)

// State is what decisions about a synchronization need.
type State struct {
	tenant   domain.Tenant
	finished bool
}

// Events are the event types of a synchronization.
var Events = []domain.Declaration{
	domain.Declare[Started](1),
	domain.Declare[Finished](1),
}

// Stream is the stream of a synchronization.
func Stream(t domain.Tenant, id ID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindSync, ID: string(id)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Started:
		s.tenant = e.Tenant
	case Finished:
		s.finished = true
	}
	return s
}

// Scope is the reseller as a whole.
func (s State) Scope() domain.Scope { return domain.Scope{Tenant: s.tenant} }
