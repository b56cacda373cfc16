package customer

import (
	"time"

	"avportal/domain"
)

// Rename gives a customer another name.
type Rename struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Name     string
	At       time.Time
}

// Renamed tells both names.
type Renamed struct {
	Customer domain.CustomerID `json:"customer"`
	From     string            `json:"from"`
	To       string            `json:"to"`
}

// EventType is the stored type name.
func (Renamed) EventType() string { return "customer.renamed" }

// Stream is the customer's.
func (c Rename) Stream() domain.Stream { return Stream(c.Tenant, c.Customer) }

// Needs is the right to manage customers.
func (c Rename) Needs() domain.Permission { return domain.ManageCustomers }

// Decide renames, unless it is the name already.
func (c Rename) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil || name == s.name {
		return nil, err
	}
	return []domain.Event{Renamed{Customer: c.Customer, From: s.name, To: name}}, nil
}
