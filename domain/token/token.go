// Package token is an API token's life in the log: who made it, for what, and when it was revoked. Its secret, and whether it
// opens the door just now, stand in the vault.
package token

import (
	"time"

	"avportal/domain"
)

// ID names a token.
type ID string

// MaxLifetime and DefaultLifetime bound how long a token holds.
const (
	DefaultLifetime = 90 * 24 * time.Hour
	MaxLifetime     = 365 * 24 * time.Hour
)

// Events are the event types of a token.
var Events = []domain.Declaration{
	domain.Declare[Created](1),
	domain.Declare[Revoked](1),
}

// Stream is the stream of a token.
func Stream(t domain.Tenant, id ID) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindToken, ID: string(id)}
}

// State is what decisions about a token need.
type State struct {
	created Created
	revoked bool
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Created:
		s = State{created: e}
	case Revoked:
		s.revoked = true
	}
	return s
}

// Scope is what the token reaches.
func (s State) Scope() domain.Scope {
	return domain.Scope{Tenant: s.created.Tenant, Customer: s.created.Customer}
}

// Exists reports whether the token was made.
func (s State) Exists() bool { return s.created.Tenant != "" }

// Revoked reports whether it holds no longer, whatever its time.
func (s State) Revoked() bool { return s.revoked }

// Created is how it was made.
func (s State) Created() Created { return s.created }

// Create makes a token.
type Create struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID // empty: the whole tenant
	Token    ID
	Name     string
	Role     domain.Role
	Lifetime time.Duration // 0 means DefaultLifetime
	At       time.Time
}

// Created begins a token's history.
type Created struct {
	Tenant    domain.Tenant     `json:"tenant"`
	Customer  domain.CustomerID `json:"customer,omitempty"`
	Token     ID                `json:"token"`
	Name      string            `json:"name"`
	Role      domain.Role       `json:"role"`
	ExpiresAt time.Time         `json:"expires_at"`
}

// EventType is the stored type name.
func (Created) EventType() string { return "token.created" }

// Stream is the token's.
func (c Create) Stream() domain.Stream { return Stream(c.Tenant, c.Token) }

// Needs is the right to manage the reseller's settings.
func (c Create) Needs() domain.Permission { return domain.ManageReseller }

// Creates is what the token will reach.
func (c Create) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Customer}
}

// Decide makes it once.
func (c Create) Decide(s State) ([]domain.Event, error) {
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	if c.Lifetime == 0 {
		c.Lifetime = DefaultLifetime
	}
	days := int(MaxLifetime.Hours() / 24)
	switch {
	case c.Lifetime < 0 || c.Lifetime > MaxLifetime:
		return nil, domain.ErrInvalid.At("/days").With("A token holds for 1 to %d days.", days)
	case s.Exists():
		return nil, domain.ErrExists
	}
	return []domain.Event{Created{
		Tenant: c.Tenant, Customer: c.Customer, Token: c.Token, Name: name, Role: c.Role, ExpiresAt: domain.Instant(c.At.Add(c.Lifetime)),
	}}, nil
}

// Revoke ends a token.
type Revoke struct {
	Tenant domain.Tenant
	Token  ID
	At     time.Time
}

// Revoked says that it holds no longer.
type Revoked struct {
	Token ID `json:"token"`
}

// EventType is the stored type name.
func (Revoked) EventType() string { return "token.revoked" }

// Stream is the token's.
func (c Revoke) Stream() domain.Stream { return Stream(c.Tenant, c.Token) }

// Needs is the right to manage the reseller's settings.
func (c Revoke) Needs() domain.Permission { return domain.ManageReseller }

// Decide revokes once.
func (c Revoke) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.revoked:
		return nil, nil
	}
	return []domain.Event{Revoked{Token: c.Token}}, nil
}
