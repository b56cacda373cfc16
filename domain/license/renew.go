package license

import (
	"time"

	"avportal/domain"
)

// ErrNotForward says that a renewal must not shorten a license.
var ErrNotForward = &domain.Error{
	Class: domain.Conflict, Code: "renewal_not_forward", Field: "/valid_until",
	Message: "The license already holds as long or longer.",
}

// Renew lets a license hold longer, whether it has expired or not.
type Renew struct {
	Tenant     domain.Tenant
	License    domain.LicenseID
	TermYears  int       // of a purchase
	ValidUntil time.Time // the first instant at which it no longer holds; zero: an MSP license without an end
	At         time.Time
}

// Renewed tells until when the license held and holds; zero means that it has no end.
type Renewed struct {
	License   domain.LicenseID `json:"license"`
	From      time.Time        `json:"from,omitzero"`
	To        time.Time        `json:"to,omitzero"`
	TermYears int              `json:"term_years,omitempty"`
}

// EventType is the stored type name.
func (Renewed) EventType() string { return "license.renewed" }

// Stream is the license's.
func (c Renew) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to manage licenses.
func (c Renew) Needs() domain.Permission { return domain.ManageLicenses }

// Decide moves the end forward, never back. The same end again is already so.
func (c Renew) Decide(s State) ([]domain.Event, error) {
	until := instant(c.ValidUntil)
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.kind == MSP && c.TermYears != 0:
		return nil, domain.ErrInvalid.At("/term_years").With("An MSP license has no term.")
	case s.kind == Purchase && until.IsZero():
		return nil, domain.ErrInvalid.At("/valid_until").With("A purchased license needs an end.")
	}
	if s.kind == Purchase {
		if err := checkTermYears(c.TermYears); err != nil {
			return nil, err
		}
	}
	switch {
	case until.Equal(s.until):
		return nil, nil
	case !forward(s.until, until):
		return nil, ErrNotForward
	}
	return []domain.Event{Renewed{License: c.License, From: s.until, To: until, TermYears: c.TermYears}}, nil
}
