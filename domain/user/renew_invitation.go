package user

import (
	"time"

	"avportal/domain"
)

// ErrAccepted says that there is no invitation any more: it has been accepted.
var ErrAccepted = &domain.Error{Class: domain.Conflict, Code: "invitation_accepted", Message: "The invitation has been accepted already."}

// RenewInvitation sends the invitation again: it holds from now on, and what was sent before holds no longer.
type RenewInvitation struct {
	Tenant domain.Tenant
	User   domain.UserID
	At     time.Time
}

// InvitationRenewed tells how long the invitation holds now.
type InvitationRenewed struct {
	User      domain.UserID `json:"user"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// EventType is the stored type name.
func (InvitationRenewed) EventType() string { return "user.invitation_renewed" }

// Stream is the membership's.
func (c RenewInvitation) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is the right to manage users.
func (c RenewInvitation) Needs() domain.Permission { return domain.ManageUsers }

// Decide renews what has not been accepted.
func (c RenewInvitation) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	if s.person != "" {
		return nil, ErrAccepted
	}
	return []domain.Event{InvitationRenewed{User: c.User, ExpiresAt: domain.Instant(c.At.Add(InvitationLifetime))}}, nil
}
