package license

import (
	"time"

	"avportal/domain"
)

// Import takes a license over from the reseller's own system, or brings it up to date from there.
type Import struct {
	Tenant     domain.Tenant
	License    domain.LicenseID
	Customer   domain.CustomerID
	Name       string
	Key        domain.TID // made by domain.NewTID for this license; a later import keeps the first one
	Kind       Kind
	Seats      int // of an MSP license: what was ordered, without being a limit
	TermYears  int // 1, 2, 3 or 5 for a purchase, 0 for MSP
	ValidFrom  time.Time
	ValidUntil time.Time // the first instant at which it no longer holds; zero for an MSP license without an end
	At         time.Time
}

// Imported begins a license's history.
type Imported struct {
	Tenant     domain.Tenant     `json:"tenant"`
	License    domain.LicenseID  `json:"license"`
	Customer   domain.CustomerID `json:"customer"`
	Name       string            `json:"name"`
	Key        domain.TID        `json:"key"`
	Kind       Kind              `json:"kind"`
	Seats      int               `json:"seats"`
	TermYears  int               `json:"term_years,omitempty"`
	ValidFrom  time.Time         `json:"valid_from"`
	ValidUntil time.Time         `json:"valid_until,omitzero"`
}

// EventType is the stored type name.
func (Imported) EventType() string { return "license.imported" }

// Stream is the license's.
func (c Import) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to manage licenses.
func (c Import) Needs() domain.Permission { return domain.ManageLicenses }

// Creates is the customer who has bought the license.
func (c Import) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide imports once. A later import tells what has changed since: name, seats, and a validity that goes further.
func (c Import) Decide(s State) ([]domain.Event, error) {
	name, err := domain.Name("/name", c.Name)
	if err != nil {
		return nil, err
	}
	if err := checkTerms(c.Kind, c.TermYears, c.ValidFrom, c.ValidUntil); err != nil {
		return nil, err
	}
	if err := checkSeats(c.Kind, c.Seats, s.used); err != nil {
		return nil, err
	}
	if s.Exists() {
		return c.update(s, name)
	}
	if err := domain.CheckID("/license", string(c.License)); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/customer", string(c.Customer)); err != nil {
		return nil, err
	}
	if c.Key.Tenant() != c.Tenant || c.Key.License() != c.License {
		return nil, domain.ErrInvalid.At("/key").With("The TID belongs to another license.")
	}
	return []domain.Event{Imported{
		Tenant: c.Tenant, License: c.License, Customer: c.Customer, Name: name, Key: c.Key,
		Kind: c.Kind, Seats: c.Seats, TermYears: c.TermYears,
		ValidFrom: instant(c.ValidFrom), ValidUntil: instant(c.ValidUntil),
	}}, nil
}

func (c Import) update(s State, name string) ([]domain.Event, error) {
	if c.Customer != s.scope.Customer || c.Kind != s.kind {
		return nil, domain.ErrExists.With("There is a license with this id that belongs to another customer or is of another kind.")
	}
	var events []domain.Event
	if until := instant(c.ValidUntil); !until.Equal(s.until) {
		if !forward(s.until, until) {
			return nil, ErrNotForward
		}
		events = append(events, Renewed{License: c.License, From: s.until, To: until, TermYears: c.TermYears})
	}
	if name != s.name {
		events = append(events, Renamed{License: c.License, From: s.name, To: name})
	}
	if c.Seats != s.seats {
		events = append(events, SeatsChanged{License: c.License, From: s.seats, To: c.Seats, Used: s.used})
	}
	return events, nil
}
