package group

import (
	"time"

	"avportal/domain"
)

// CreateMain plants the tree of a license. It follows the import of the license by itself.
type CreateMain struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	License  domain.LicenseID
	Name     string
	At       time.Time
}

// MainCreated begins the history of a license's tree.
type MainCreated struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer"`
	License  domain.LicenseID  `json:"license"`
	Group    domain.GroupID    `json:"group"`
	Name     string            `json:"name"`
}

// EventType is the stored type name.
func (MainCreated) EventType() string { return "group.main_created" }

// Stream is the tree's.
func (c CreateMain) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to manage licenses, since the main group comes with one.
func (c CreateMain) Needs() domain.Permission { return domain.ManageLicenses }

// Creates is the customer whose license it is.
func (c CreateMain) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Customer}
}

// AllowedWhenExpired is there because a license that is imported after its end gets its tree as well.
func (c CreateMain) AllowedWhenExpired() {}

// Decide creates the main group once, whatever it is called now.
func (c CreateMain) Decide(s State) ([]domain.Event, error) {
	if s.Exists() {
		return nil, nil
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	return []domain.Event{MainCreated{
		Tenant: c.Tenant, Customer: c.Customer, License: c.License, Group: Main(c.License), Name: name,
	}}, nil
}
