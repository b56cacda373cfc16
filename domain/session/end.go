package session

import (
	"time"

	"avportal/domain"
)

// Reason is why a session ended. One whose time is over just ends: no event says so.
type Reason string

// The reasons there are.
const (
	SignedOut          Reason = "signed_out"
	EndedElsewhere     Reason = "ended_elsewhere"     // by the same person, in another session
	CredentialsChanged Reason = "credentials_changed" // the password or the second factor is another one
	AccessChanged      Reason = "access_changed"      // the role was changed or taken away
	Switched           Reason = "switched"            // the person turned to another organization
	SignedInAgain      Reason = "signed_in_again"     // in the same browser
)

// End ends a session.
type End struct {
	Tenant  domain.Tenant
	Session ID
	Reason  Reason
	At      time.Time
}

// Ended says that a session holds no longer.
type Ended struct {
	Session ID            `json:"session"`
	User    domain.UserID `json:"user"`
	Reason  Reason        `json:"reason"`
}

// EventType is the stored type name.
func (Ended) EventType() string { return "session.ended" }

// Stream is the session's.
func (c End) Stream() domain.Stream { return Stream(c.Tenant, c.Session) }

// Needs is what only the portal itself has.
func (c End) Needs() domain.Permission { return domain.OperatePlatform }

// Decide ends a session once.
func (c End) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists() || s.refused:
		return nil, domain.ErrNotFound
	case s.ended:
		return nil, nil
	}
	return []domain.Event{Ended{Session: c.Session, User: s.user, Reason: c.Reason}}, nil
}
