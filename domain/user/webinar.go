package user

import (
	"time"

	"avportal/domain"
)

// SeeWebinar notes that the introduction has been shown to a person, so that it does not come up by itself again.
type SeeWebinar struct {
	Tenant domain.Tenant
	User   domain.UserID
	At     time.Time
}

// WebinarSeen says so.
type WebinarSeen struct {
	User domain.UserID `json:"user"`
}

// EventType is the stored type name.
func (WebinarSeen) EventType() string { return "user.webinar_seen" }

// Stream is the membership's.
func (c SeeWebinar) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what everyone has for himself.
func (c SeeWebinar) Needs() domain.Permission { return domain.ManageSelf }

// Decide notes it once.
func (c SeeWebinar) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil || s.webinar {
		return nil, err
	}
	return []domain.Event{WebinarSeen{User: c.User}}, nil
}
