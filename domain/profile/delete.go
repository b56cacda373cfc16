package profile

import (
	"time"

	"avportal/domain"
)

// ErrInUse says that groups use the profile.
var ErrInUse = &domain.Error{
	Class: domain.Conflict, Code: "profile_in_use",
	Message: "Groups use this profile. Choose another one for them first.",
}

// Delete takes away a profile that no group uses.
type Delete struct {
	Tenant  domain.Tenant
	Profile domain.ProfileID
	At      time.Time
}

// Deleted tells what the profile was called.
type Deleted struct {
	Profile domain.ProfileID `json:"profile"`
	Name    string           `json:"name"`
}

// EventType is the stored type name.
func (Deleted) EventType() string { return "profile.deleted" }

// Stream is the profile's.
func (c Delete) Stream() domain.Stream { return Stream(c.Tenant, c.Profile) }

// Needs is the right to manage profiles.
func (c Delete) Needs() domain.Permission { return domain.ManageProfiles }

// Decide deletes what nobody uses, nor is about to.
func (c Delete) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if len(s.links) > 0 {
		return nil, ErrInUse
	}
	return []domain.Event{Deleted{Profile: c.Profile, Name: s.name}}, nil
}
