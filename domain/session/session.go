// Package session is a person being signed in, from the beginning to the end, and attempts that were refused. The events
// name people by their ids only; what proves a session (the cookie) never stands here.
package session

import "avportal/domain"

// ID names a session or an attempt.
type ID string

// Method is how a person proved who he is.
type Method string

// The methods there are.
const (
	ResellerPortal  Method = "reseller_portal"
	Password        Method = "password"
	PasswordAndCode Method = "password_totp"
	RecoveryCode    Method = "password_recovery_code"
	Passkey         Method = "passkey"
)

// State is what decisions about a session need.
type State struct {
	scope   domain.Scope
	user    domain.UserID
	refused bool
	ended   bool
}

// Events are the event types of a session.
var Events = []domain.Declaration{
	domain.Declare[Begun](1),
	domain.Declare[Ended](1),
	domain.Declare[Refused](1),
}

// Stream is the stream of a session, or of an attempt.
func Stream(t domain.Tenant, id ID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindSession, ID: string(id)}
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Begun:
		s = State{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, user: e.User}
	case Ended:
		s.ended = true
	case Refused:
		s = State{scope: domain.Scope{Tenant: e.Tenant, Customer: e.Customer}, user: e.User, refused: true}
	}
	return s
}

// Scope is the organization that the person acts in.
func (s State) Scope() domain.Scope { return s.scope }

// Exists reports whether the session or attempt is known.
func (s State) Exists() bool { return s.scope.Tenant != "" }
