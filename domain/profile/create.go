package profile

import (
	"time"

	"avportal/domain"
)

// Create makes a profile, perhaps as a copy of another.
type Create struct {
	Tenant   domain.Tenant
	Profile  domain.ProfileID  // a fresh UUID
	Customer domain.CustomerID // the owner; empty means the reseller, and then only the reseller's people see it
	Name     string
	Settings Settings
	ClonedOf domain.ProfileID // whose settings these are; may be empty
	At       time.Time
}

// Created begins a profile's history, with all its settings.
type Created struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Profile  domain.ProfileID  `json:"profile"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Name     string            `json:"name"`
	Settings Settings          `json:"settings"`
	ClonedOf domain.ProfileID  `json:"cloned_of,omitempty"`
}

// EventType is the stored type name.
func (Created) EventType() string { return "profile.created" }

// Stream is the profile's.
func (c Create) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c Create) Needs() domain.Permission { return domain.ManageProfiles }

// Creates is the owner.
func (c Create) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Customer}
}

// Decide creates a profile once.
func (c Create) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/id", string(c.Profile)); err != nil {
		return nil, err
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	settings, err := c.Settings.clean()
	if err != nil {
		return nil, within("/settings", err)
	}
	if s.scope.Tenant != "" {
		if names, _, _ := difference(s.settings, settings); len(names) == 0 && s.name == name && s.scope.Customer == c.Customer && !s.deleted {
			return nil, nil
		}
		return nil, domain.ErrExists
	}
	return []domain.Event{Created{
		Tenant: c.Tenant, Profile: c.Profile, Customer: c.Customer, Name: name, Settings: settings, ClonedOf: c.ClonedOf,
	}}, nil
}
