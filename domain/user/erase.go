package user

import (
	"time"

	"avportal/domain"
)

// Erase makes the log forget who the member was: after it the key of his personal texts is destroyed, in every copy of the log
// at once. It can't be undone. That a reseller keeps an administrator is for the commands to see.
type Erase struct {
	Tenant domain.Tenant
	User   domain.UserID
	By     domain.Role
	At     time.Time
}

// Erased says that the member is nobody any more.
type Erased struct {
	User domain.UserID `json:"user"`
}

// EventType is the stored type name.
func (Erased) EventType() string { return "user.erased" }

// Stream is the membership's.
func (c Erase) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users.
func (c Erase) Needs() domain.Permission { return domain.ManageUsers }

// Decide erases once.
func (c Erase) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.erased:
		return nil, nil
	case !c.By.MayGive(s.role):
		return nil, ErrRole.At("")
	}
	return []domain.Event{Erased{User: c.User}}, nil
}
