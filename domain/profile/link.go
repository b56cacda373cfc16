package profile

import (
	"time"

	"avportal/domain"
)

// ErrNotForCustomer says that a customer's profile is for that customer's groups alone.
var ErrNotForCustomer = &domain.Error{
	Class: domain.Conflict, Code: "profile_of_other_customer", Field: "/profile",
	Message: "The profile belongs to another customer than the group.",
}

// Link notes that a group is about to use the profile. It comes before the group says so in its tree, and Unlink after the
// group has ceased to, so that at no position of the log a group uses a profile that could be deleted.
type Link struct {
	Tenant   domain.Tenant
	Profile  domain.ProfileID
	Link     domain.LinkID // a fresh UUID
	Group    domain.GroupID
	Customer domain.CustomerID // whose group it is
	At       time.Time
}

// Linked says that the group uses the profile, or is about to.
type Linked struct {
	Profile  domain.ProfileID  `json:"profile"`
	Link     domain.LinkID     `json:"link"`
	Group    domain.GroupID    `json:"group"`
	Customer domain.CustomerID `json:"customer"`
}

// EventType is the stored type name.
func (Linked) EventType() string { return "profile.linked" }

// Stream is the profile's.
func (c Link) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c Link) Needs() domain.Permission { return domain.ManageProfiles }

// Decide notes the link of a group that the owner may reach.
func (c Link) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/link", string(c.Link)); err != nil {
		return nil, err
	}
	if s.scope.Customer != "" && s.scope.Customer != c.Customer {
		return nil, ErrNotForCustomer
	}
	if there, ok := s.links[c.Link]; ok {
		if there.group != c.Group {
			return nil, domain.ErrExists
		}
		return nil, nil
	}
	return []domain.Event{Linked{Profile: c.Profile, Link: c.Link, Group: c.Group, Customer: c.Customer}}, nil
}

// Unlink notes that a link has ended.
type Unlink struct {
	Tenant  domain.Tenant
	Profile domain.ProfileID
	Link    domain.LinkID
	At      time.Time
}

// Unlinked says that the group no longer uses the profile by this link.
type Unlinked struct {
	Profile domain.ProfileID `json:"profile"`
	Link    domain.LinkID    `json:"link"`
	Group   domain.GroupID   `json:"group"`
}

// EventType is the stored type name.
func (Unlinked) EventType() string { return "profile.unlinked" }

// Stream is the profile's.
func (c Unlink) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c Unlink) Needs() domain.Permission { return domain.ManageProfiles }

// Decide ends a link that is there.
func (c Unlink) Decide(s State) ([]domain.Event, error) {
	l, ok := s.links[c.Link]
	if !ok {
		return nil, nil
	}
	return []domain.Event{Unlinked{Profile: c.Profile, Link: c.Link, Group: l.group}}, nil
}
