package license

import (
	"time"

	"avportal/domain"
)

// ErrSeatsInUse says that a license can't become smaller than what is in use.
var ErrSeatsInUse = &domain.Error{
	Class: domain.Conflict, Code: "seats_in_use", Field: "/seats",
	Message: "More seats than that are in use.",
}

// ChangeSeats sets the number of devices that a license is for.
type ChangeSeats struct {
	Tenant  domain.Tenant
	License domain.LicenseID
	Seats   int
	At      time.Time
}

// SeatsChanged tells both numbers, and how many seats are in use.
type SeatsChanged struct {
	License domain.LicenseID `json:"license"`
	From    int              `json:"from"`
	To      int              `json:"to"`
	Used    int              `json:"used"`
}

// EventType is the stored type name.
func (SeatsChanged) EventType() string { return "license.seats_changed" }

// Stream is the license's.
func (c ChangeSeats) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to manage licenses.
func (c ChangeSeats) Needs() domain.Permission { return domain.ManageLicenses }

// Decide changes the number, but not below what is in use.
func (c ChangeSeats) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.ExpiredAt(c.At):
		return nil, domain.ErrLicenseExpired
	case c.Seats == s.seats:
		return nil, nil
	}
	if err := checkSeats(s.kind, c.Seats, s.used); err != nil {
		return nil, err
	}
	return []domain.Event{SeatsChanged{License: c.License, From: s.seats, To: c.Seats, Used: s.used}}, nil
}
