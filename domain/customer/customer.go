// Package customer is a company whose devices a reseller protects. Customers are born in the reseller's own system and
// imported from there.
package customer

import "avportal/domain"

// State is what decisions about a customer need.
type State struct {
	scope  domain.Scope
	name   string
	number string
	logs   bool // may be read
}

// Events are the event types of a customer.
var Events = []domain.Declaration{
	domain.Declare[Imported](1),
	domain.Declare[Renamed](1),
	domain.Declare[LogConsentGiven](1),
	domain.Declare[LogConsentEnded](1),
}

// Stream is the stream of a customer.
func Stream(t domain.Tenant, c domain.CustomerID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindCustomer, ID: string(c)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Imported:
		s = State{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, name: e.Name, number: e.Number}
	case Renamed:
		s.name = e.To
	case LogConsentGiven:
		s.logs = true
	case LogConsentEnded:
		s.logs = false
	}
	return s
}

// Scope is the customer.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether the customer has been imported.
func (s State) Exists() bool { return s.scope.Tenant != "" }

// ConsentsToLogs reports whether the customer lets the logs of his devices be read.
func (s State) ConsentsToLogs() bool { return s.logs }

// Name is the customer's name.
func (s State) Name() string { return s.name }
