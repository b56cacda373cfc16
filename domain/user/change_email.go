package user

import (
	"time"

	"avportal/domain"
)

// ErrOwnAddress says whose the address is.
var ErrOwnAddress = &domain.Error{
	Class: domain.Conflict, Code: "email_is_own", Field: "/email",
	Message: "Since the user has accepted the invitation, only he can change his e-mail address.",
}

// ChangeEmail changes a person's address: an administrator may before the invitation is accepted, the person himself afterwards.
// That no other member has the address is for the commands to see.
type ChangeEmail struct {
	Tenant domain.Tenant
	User   domain.UserID
	Email  string
	Self   bool
	At     time.Time
}

// EmailChanged tells both addresses.
type EmailChanged struct {
	User domain.UserID   `json:"user"`
	From domain.Personal `json:"from"`
	To   domain.Personal `json:"to"`
}

// EventType is the stored type name.
func (EmailChanged) EventType() string { return "user.email_changed" }

// Stream is the membership's.
func (c ChangeEmail) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users, or oneself.
func (c ChangeEmail) Needs() domain.Permission { return managing(c.Self) }

// Decide changes the address, unless it is so already.
func (c ChangeEmail) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	email, err := Address("/email", c.Email)
	switch {
	case err != nil:
		return nil, err
	case email == s.email.Text:
		return nil, nil
	case s.person != "" && !c.Self:
		return nil, ErrOwnAddress
	}
	return []domain.Event{EmailChanged{User: c.User, From: s.email, To: of(c.User, email)}}, nil
}
