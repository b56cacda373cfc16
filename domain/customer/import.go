package customer

import (
	"time"

	"avportal/domain"
)

// Import takes a customer over from the reseller's own system, or brings its name up to date.
type Import struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Name     string
	Number   string // the reseller's number for the customer; may be empty
	At       time.Time
}

// Imported begins a customer's history.
type Imported struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer"`
	Name     string            `json:"name"`
	Number   string            `json:"number"`
}

// EventType is the stored type name.
func (Imported) EventType() string { return "customer.imported" }

// Stream is the customer's.
func (c Import) Stream() domain.Stream { return Stream(c.Tenant, c.Customer) }

// Needs is the right to manage customers.
func (c Import) Needs() domain.Permission { return domain.ManageCustomers }

// Creates is the new customer.
func (c Import) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide imports once. Later imports may bring another name, but a customer with another number is another customer.
func (c Import) Decide(s State) ([]domain.Event, error) {
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	number, err := domain.Label("/number", c.Number)
	if err != nil {
		return nil, err
	}
	if err := domain.CheckID("/customer", string(c.Customer)); err != nil {
		return nil, err
	}
	switch {
	case !s.Exists():
		return []domain.Event{Imported{Tenant: c.Tenant, Customer: c.Customer, Name: name, Number: number}}, nil
	case s.number != number:
		return nil, domain.ErrExists.At("/number").With("There is a customer with this id and another number.")
	case s.name != name:
		return []domain.Event{Renamed{Customer: c.Customer, From: s.name, To: name}}, nil
	}
	return nil, nil
}
