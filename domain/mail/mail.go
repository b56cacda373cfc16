// Package mail is a message that the portal owes somebody by e-mail, and what became of it. The log has the last word on
// whether it was sent, so that it is not sent again when the queue is older than the log. Addresses and texts never stand here.
package mail

import "avportal/domain"

// ID names a message. It follows from what the message is about and who gets it.
type ID string

// Kind is what a message says.
type Kind string

// The kinds there are.
const (
	Invitation    Kind = "invitation"
	Recovery      Kind = "recovery"        // the link by which a forgotten password is replaced
	SignInChanged Kind = "sign_in_changed" // that what a person signs in by has changed
	Notice        Kind = "notice"          // of something that happened
	Digest        Kind = "digest"          // of what happened in a day
)

// State is what decisions about a message need.
type State struct {
	scope  domain.Scope
	failed bool
}

// Events are the event types of a message.
var Events = []domain.Declaration{
	domain.Declare[Sent](1),
	domain.Declare[Failed](1),
}

// Stream is the stream of a message.
func Stream(t domain.Tenant, id ID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindMail, ID: string(id)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Sent:
		s = State{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}}
	case Failed:
		s = State{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, failed: true}
	}
	return s
}

// Scope is the organization that the message is about.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether the message was sent or given up: then it must not be sent any more.
func (s State) Exists() bool { return s.scope.Tenant != "" }

// GivenUp reports whether it was given up.
func (s State) GivenUp() bool { return s.failed }
