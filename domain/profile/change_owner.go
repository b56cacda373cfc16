package profile

import (
	"time"

	"avportal/domain"
)

// ErrUsedByOthers says that a profile can't belong to a customer while others use it.
var ErrUsedByOthers = &domain.Error{
	Class: domain.Conflict, Code: "profile_used_by_others", Field: "/owner",
	Message: "Groups of other customers use this profile. Unlink them first.",
}

// ChangeOwner gives the profile to a customer, or back to the reseller. That the customer is there is for the commands to see.
type ChangeOwner struct {
	Tenant  domain.Tenant
	Profile domain.ProfileID
	To      domain.CustomerID // empty: the reseller
	At      time.Time
}

// OwnerChanged tells both owners; an empty one is the reseller.
type OwnerChanged struct {
	Profile domain.ProfileID  `json:"profile"`
	From    domain.CustomerID `json:"from"`
	To      domain.CustomerID `json:"to"`
}

// EventType is the stored type name.
func (OwnerChanged) EventType() string { return "profile.owner_changed" }

// Stream is the profile's.
func (c ChangeOwner) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c ChangeOwner) Needs() domain.Permission { return domain.ManageProfiles }

// Decide changes the owner, unless groups that the new one must not reach use the profile.
func (c ChangeOwner) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil || c.To == s.scope.Customer {
		return nil, err
	}
	for _, l := range s.links {
		if c.To != "" && l.customer != c.To {
			return nil, ErrUsedByOthers
		}
	}
	return []domain.Event{OwnerChanged{Profile: c.Profile, From: s.scope.Customer, To: c.To}}, nil
}
