package license

import (
	"time"

	"avportal/domain"
)

// Rename gives a license another name.
type Rename struct {
	Tenant  domain.Tenant
	License domain.LicenseID
	Name    string
	At      time.Time
}

// Renamed tells both names.
type Renamed struct {
	License domain.LicenseID `json:"license"`
	From    string           `json:"from"`
	To      string           `json:"to"`
}

// EventType is the stored type name.
func (Renamed) EventType() string { return "license.renamed" }

// Stream is the license's.
func (c Rename) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to manage licenses.
func (c Rename) Needs() domain.Permission { return domain.ManageLicenses }

// Decide renames, unless it is the name already.
func (c Rename) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	if s.ExpiredAt(c.At) {
		return nil, domain.ErrLicenseExpired
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil || name == s.name {
		return nil, err
	}
	return []domain.Event{Renamed{License: c.License, From: s.name, To: name}}, nil
}
