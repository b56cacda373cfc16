package user

import (
	"time"

	"avportal/domain"
)

// RecoveryLifetime is how long a forgotten password may be replaced by the link that was asked for.
const RecoveryLifetime = time.Hour

// RequestRecovery notes that somebody asks for a new password for a member, who gets a link by mail. It is not proved who asks.
type RequestRecovery struct {
	Tenant domain.Tenant
	User   domain.UserID
	At     time.Time
}

// RecoveryRequested tells how long the link holds.
type RecoveryRequested struct {
	User      domain.UserID `json:"user"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// EventType is the stored type name.
func (RecoveryRequested) EventType() string { return "user.recovery_requested" }

// Stream is the membership's.
func (c RequestRecovery) Stream() domain.Stream { return Stream(c.Tenant, c.User) }

// Needs is what only the portal itself has.
func (c RequestRecovery) Needs() domain.Permission { return domain.OperatePlatform }

// Decide notes each request of one who may sign in.
func (c RequestRecovery) Decide(s State) ([]domain.Event, error) {
	if err := s.working(); err != nil {
		return nil, err
	}
	if s.person == "" {
		return nil, domain.ErrNotFound
	}
	return []domain.Event{RecoveryRequested{User: c.User, ExpiresAt: domain.Instant(c.At.Add(RecoveryLifetime))}}, nil
}
