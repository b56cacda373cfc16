package session

import (
	"time"

	"avportal/domain"
)

// Refusal is why an attempt to sign in was refused.
type Refusal string

// The refusals there are.
const (
	WrongPassword Refusal = "wrong_password"
	WrongCode     Refusal = "wrong_code" // of the second factor
	WrongPasskey  Refusal = "wrong_passkey"
	CopiedPasskey Refusal = "copied_passkey" // its counter has not gone on: there may be two of it
	Locked        Refusal = "locked"         // after too many attempts
	NoAccess      Refusal = "no_access"
)

// Refuse notes that somebody tried to sign in as a person, and was not let in.
type Refuse struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Attempt  ID
	User     domain.UserID
	Method   Method
	Reason   Refusal
	At       time.Time
}

// Refused is the whole history of an attempt.
type Refused struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Attempt  ID                `json:"attempt"`
	User     domain.UserID     `json:"user"`
	Method   Method            `json:"method"`
	Reason   Refusal           `json:"reason"`
}

// EventType is the stored type name.
func (Refused) EventType() string { return "session.refused" }

// Stream is the attempt's.
func (c Refuse) Stream() domain.Stream { return Stream(c.Tenant, c.Attempt) }

// Needs is what only the portal itself has.
func (c Refuse) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is the organization that the attempt was about.
func (c Refuse) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide notes an attempt once.
func (c Refuse) Decide(s State) ([]domain.Event, error) {
	if s.Exists() {
		return nil, domain.ErrExists
	}
	return []domain.Event{Refused{
		Tenant: c.Tenant, Customer: c.Customer, Attempt: c.Attempt, User: c.User, Method: c.Method, Reason: c.Reason,
	}}, nil
}
