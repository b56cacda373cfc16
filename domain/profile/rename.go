package profile

import (
	"time"

	"avportal/domain"
)

// Rename gives the profile another name. Names need not be unlike.
type Rename struct {
	Tenant  domain.Tenant
	Profile domain.ProfileID
	Name    string
	At      time.Time
}

// Renamed tells both names.
type Renamed struct {
	Profile domain.ProfileID `json:"profile"`
	From    string           `json:"from"`
	To      string           `json:"to"`
}

// EventType is the stored type name.
func (Renamed) EventType() string { return "profile.renamed" }

// Stream is the profile's.
func (c Rename) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c Rename) Needs() domain.Permission { return domain.ManageProfiles }

// Decide keeps the new name.
func (c Rename) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	name, err := domain.Name("/name", c.Name)
	if err != nil || name == s.name {
		return nil, err
	}
	return []domain.Event{Renamed{Profile: c.Profile, From: s.name, To: name}}, nil
}
