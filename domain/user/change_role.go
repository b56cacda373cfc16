package user

import (
	"time"

	"avportal/domain"
)

// ChangeRole gives a person another role. That a reseller keeps an administrator is for the commands to see.
type ChangeRole struct {
	Tenant domain.Tenant
	User   domain.UserID
	Role   domain.Role
	By     domain.Role // of who changes it
	At     time.Time
}

// RoleChanged tells both roles.
type RoleChanged struct {
	User domain.UserID `json:"user"`
	From domain.Role   `json:"from"`
	To   domain.Role   `json:"to"`
}

// EventType is the stored type name.
func (RoleChanged) EventType() string { return "user.role_changed" }

// Stream is the membership's.
func (c ChangeRole) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users.
func (c ChangeRole) Needs() domain.Permission { return domain.ManageUsers }

// Decide changes the role, unless it is so already.
func (c ChangeRole) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	switch {
	case c.Role == s.role:
		return nil, nil
	case !c.Role.Of(s.scope.Customer):
		return nil, ErrWrongOrg
	case !c.By.MayGive(c.Role), !c.By.MayGive(s.role):
		return nil, ErrRole
	}
	return []domain.Event{RoleChanged{User: c.User, From: s.role, To: c.Role}}, nil
}
