// Package team is who administers a reseller. It is kept apart from the people, so that the last administrator can't leave
// even if two do at once: they leave here first.
package team

import (
	"slices"
	"time"

	"avportal/domain"
)

// ErrLast says that somebody must remain who can manage users.
var ErrLast = &domain.Error{
	Class: domain.Conflict, Code: "last_administrator",
	Message: "This is the reseller's last administrator. Make somebody else one first.",
}

// Events are the event types of a team.
var Events = []domain.Declaration{
	domain.Declare[Joined](1),
	domain.Declare[Left](1),
}

// Stream is the one team of a reseller.
func Stream(t domain.Tenant) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindTeam, ID: "administrators"}
}

// State is who is in the team.
type State struct {
	tenant  domain.Tenant
	members []domain.UserID
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Joined:
		s = State{e.Tenant, append(slices.Clip(s.members), e.User)}
	case Left:
		s.members = slices.DeleteFunc(slices.Clone(s.members), func(u domain.UserID) bool { return u == e.User })
	}
	return s
}

// Scope is the reseller as a whole.
func (s State) Scope() domain.Scope { return domain.Scope{Tenant: s.tenant} }

// Has reports whether somebody is in the team.
func (s State) Has(u domain.UserID) bool { return slices.Contains(s.members, u) }

// Join adds an administrator.
type Join struct {
	Tenant domain.Tenant
	User   domain.UserID
	At     time.Time
}

// Joined adds an administrator.
type Joined struct {
	Tenant domain.Tenant `json:"tenant"`
	User   domain.UserID `json:"user"`
}

// EventType is the stored type name.
func (Joined) EventType() string { return "team.joined" }

// Stream is the team's.
func (c Join) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage users.
func (c Join) Needs() domain.Permission { return domain.ManageUsers }

// Creates is the reseller's.
func (c Join) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant} }

// Decide adds once.
func (c Join) Decide(s State) ([]domain.Event, error) {
	if s.Has(c.User) {
		return nil, nil
	}
	return []domain.Event{Joined{Tenant: c.Tenant, User: c.User}}, nil
}

// Leave takes an administrator out.
type Leave struct {
	Tenant domain.Tenant
	User   domain.UserID
	At     time.Time
}

// Left takes an administrator out.
type Left struct {
	User domain.UserID `json:"user"`
}

// EventType is the stored type name.
func (Left) EventType() string { return "team.left" }

// Stream is the team's.
func (c Leave) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage users.
func (c Leave) Needs() domain.Permission { return domain.ManageUsers }

// Creates is the reseller's, since who leaves may be one who never joined.
func (c Leave) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant} }

// Decide refuses the last.
func (c Leave) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Has(c.User):
		return nil, nil
	case len(s.members) == 1:
		return nil, ErrLast
	}
	return []domain.Event{Left{User: c.User}}, nil
}
