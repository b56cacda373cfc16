package user

import (
	"time"

	"avportal/domain"
)

// ErrInvitation says that an invitation can't be accepted, and not why: who holds a link that is no longer good learns
// nothing from it.
var ErrInvitation = &domain.Error{Class: domain.NotFound, Code: "invitation_invalid", Message: "This invitation is not valid any more. Ask for a new one."}

// Accept makes the person who holds the invitation a member. Only commands.AcceptInvitation knows who that is.
type Accept struct {
	Tenant domain.Tenant
	User   domain.UserID
	Person domain.PersonID
	At     time.Time
}

// Accepted says who it is.
type Accepted struct {
	User   domain.UserID   `json:"user"`
	Person domain.PersonID `json:"person"`
}

// EventType is the stored type name.
func (Accepted) EventType() string { return "user.accepted" }

// Stream is the membership's.
func (c Accept) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what only the portal itself has: it has seen the invitation.
func (c Accept) Needs() domain.Permission { return domain.OperatePlatform }

// Decide accepts once, within the invitation's time.
func (c Accept) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/person", string(c.Person)); err != nil {
		return nil, err
	}
	if s.working() != nil || s.person != "" || !c.At.Before(s.expires) {
		return nil, ErrInvitation
	}
	return []domain.Event{Accepted{User: c.User, Person: c.Person}}, nil
}
