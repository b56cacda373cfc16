package user

import (
	"time"

	"avportal/domain"
)

// LinkID names a read-only access. It is not its secret, which stands in no log.
type LinkID string

// ActivateLink opens read-only access by a secret link, in place of one that is open already: that one is dead from then on.
type ActivateLink struct {
	Tenant domain.Tenant
	User   domain.UserID
	Link   LinkID
	At     time.Time
}

// LinkActivated tells which access is open now, and which one it replaces.
type LinkActivated struct {
	User     domain.UserID `json:"user"`
	Link     LinkID        `json:"link"`
	Replaces LinkID        `json:"replaces,omitempty"`
}

// EventType is the stored type name.
func (LinkActivated) EventType() string { return "user.link_activated" }

// Stream is the membership's.
func (c ActivateLink) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to read what the link shows.
func (c ActivateLink) Needs() domain.Permission { return domain.Read }

// Decide opens it.
func (c ActivateLink) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/link", string(c.Link)); err != nil || c.Link == s.link {
		return nil, err
	}
	return []domain.Event{LinkActivated{User: c.User, Link: c.Link, Replaces: s.link}}, nil
}

// DeactivateLink closes the read-only access.
type DeactivateLink struct {
	Tenant domain.Tenant
	User   domain.UserID
	At     time.Time
}

// LinkDeactivated tells which access is closed.
type LinkDeactivated struct {
	User domain.UserID `json:"user"`
	Link LinkID        `json:"link"`
}

// EventType is the stored type name.
func (LinkDeactivated) EventType() string { return "user.link_deactivated" }

// Stream is the membership's.
func (c DeactivateLink) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c DeactivateLink) Needs() domain.Permission { return domain.ManageSelf }

// Decide closes it, if one is open.
func (c DeactivateLink) Decide(s State) ([]domain.Event, error) {
	if err := s.there(); err != nil || s.link == "" {
		return nil, err
	}
	return []domain.Event{LinkDeactivated{User: c.User, Link: s.link}}, nil
}
