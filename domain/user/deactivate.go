package user

import (
	"time"

	"avportal/domain"
)

// Deactivate shuts a person out, and takes back an invitation that has not been accepted. Reactivate undoes it. That a reseller
// keeps an administrator is for the commands to see.
type Deactivate struct {
	Tenant domain.Tenant
	User   domain.UserID
	By     domain.Role
	At     time.Time
}

// Deactivated shuts the person out, and closes his read-only access.
type Deactivated struct {
	User domain.UserID `json:"user"`
}

// EventType is the stored type name.
func (Deactivated) EventType() string { return "user.deactivated" }

// Stream is the membership's.
func (c Deactivate) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users.
func (c Deactivate) Needs() domain.Permission { return domain.ManageUsers }

// Decide deactivates, unless it is so already.
func (c Deactivate) Decide(s State) ([]domain.Event, error) {
	if err := s.there(); err != nil || s.inactive {
		return nil, err
	}
	if !c.By.MayGive(s.role) {
		return nil, ErrRole.At("")
	}
	return []domain.Event{Deactivated{User: c.User}}, nil
}

// Reactivate lets a person in again. An invitation that has expired meanwhile needs to be renewed.
type Reactivate struct {
	Tenant domain.Tenant
	User   domain.UserID
	By     domain.Role
	At     time.Time
}

// Reactivated lets the person in again.
type Reactivated struct {
	User domain.UserID `json:"user"`
}

// EventType is the stored type name.
func (Reactivated) EventType() string { return "user.reactivated" }

// Stream is the membership's.
func (c Reactivate) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users.
func (c Reactivate) Needs() domain.Permission { return domain.ManageUsers }

// Decide reactivates, unless it is so already.
func (c Reactivate) Decide(s State) ([]domain.Event, error) {
	if err := s.there(); err != nil || !s.inactive {
		return nil, err
	}
	if !c.By.MayGive(s.role) {
		return nil, ErrRole.At("")
	}
	return []domain.Event{Reactivated{User: c.User}}, nil
}
