package reseller

import (
	"time"

	"avportal/domain"
)

// ErrConversionClosed says that the question of the default profile has been answered.
var ErrConversionClosed = &domain.Error{
	Class: domain.Conflict, Code: "conversion_closed",
	Message: "The default profile has been made, or declined, before. Create profiles and choose them for groups by hand.",
}

// Conversion is how the question of the default profile was answered: profiles of an older portal can't be carried over, so
// once a default profile can be made and given to all groups that exist then.
type Conversion struct {
	Declined bool
	Profile  domain.ProfileID // the default profile, if it was not declined
	Jobs     []string         // that give it to groups
}

// Convert notes that the default profile has been made and is being given to groups.
type Convert struct {
	Tenant  domain.Tenant
	Profile domain.ProfileID
	Jobs    []string
	At      time.Time
}

// Converted tells the default profile, and the jobs that give it to groups.
type Converted struct {
	Profile domain.ProfileID `json:"profile"`
	Jobs    []string         `json:"jobs,omitempty"`
}

// EventType is the stored type name.
func (Converted) EventType() string { return "reseller.converted" }

// Stream is the reseller's.
func (c Convert) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to change the reseller's settings.
func (c Convert) Needs() domain.Permission { return domain.ManageReseller }

// Decide answers the question once.
func (c Convert) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.conversion == nil:
		return []domain.Event{Converted{Profile: c.Profile, Jobs: c.Jobs}}, nil
	case s.conversion.Profile == c.Profile:
		return nil, nil
	}
	return nil, ErrConversionClosed
}

// DeclineConversion notes that no default profile is wanted.
type DeclineConversion struct {
	Tenant domain.Tenant
	At     time.Time
}

// ConversionDeclined says that no default profile is wanted.
type ConversionDeclined struct {
	Tenant domain.Tenant `json:"tenant"`
}

// EventType is the stored type name.
func (ConversionDeclined) EventType() string { return "reseller.conversion_declined" }

// Stream is the reseller's.
func (c DeclineConversion) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to change the reseller's settings.
func (c DeclineConversion) Needs() domain.Permission { return domain.ManageReseller }

// Decide answers the question once.
func (c DeclineConversion) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.conversion == nil:
		return []domain.Event{ConversionDeclined{Tenant: c.Tenant}}, nil
	case s.conversion.Declined:
		return nil, nil
	}
	return nil, ErrConversionClosed
}
