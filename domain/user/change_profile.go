package user

import (
	"time"

	"avportal/domain"
)

// ChangeProfile changes how a person is called and spoken to: he himself does, or an administrator.
type ChangeProfile struct {
	Tenant  domain.Tenant
	User    domain.UserID
	Details Details
	Self    bool
	At      time.Time
}

// ProfileChanged tells both profiles.
type ProfileChanged struct {
	User domain.UserID `json:"user"`
	From Profile       `json:"from"`
	To   Profile       `json:"to"`
}

// EventType is the stored type name.
func (ProfileChanged) EventType() string { return "user.profile_changed" }

// Stream is the membership's.
func (c ChangeProfile) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users, or oneself.
func (c ChangeProfile) Needs() domain.Permission { return managing(c.Self) }

// Decide changes the profile, unless it is so already.
func (c ChangeProfile) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	to, err := c.Details.profile(c.User)
	if err != nil || to == s.profile {
		return nil, err
	}
	return []domain.Event{ProfileChanged{User: c.User, From: s.profile, To: to}}, nil
}

// managing is what an action needs that a person takes on himself, or another on him.
func managing(self bool) domain.Permission {
	if self {
		return domain.ManageSelf
	}
	return domain.ManageUsers
}
