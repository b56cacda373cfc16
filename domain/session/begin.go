package session

import (
	"time"

	"avportal/domain"
)

// Begin signs a person in. Only the portal itself says that somebody has proved who he is.
type Begin struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID // that the person is limited to; empty for the reseller's own people
	Session  ID
	User     domain.UserID
	Role     domain.Role
	Method   Method
	Replaces ID // the session that this one follows, when a person turns to another organization
	At       time.Time
}

// Begun begins a session's history.
type Begun struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Session  ID                `json:"session"`
	User     domain.UserID     `json:"user"`
	Role     domain.Role       `json:"role"`
	Method   Method            `json:"method"`
	Replaces ID                `json:"replaces,omitempty"`
}

// EventType is the stored type name.
func (Begun) EventType() string { return "session.begun" }

// Stream is the session's.
func (c Begin) Stream() domain.Stream { return Stream(c.Tenant, c.Session) }

// Needs is what only the portal itself has.
func (c Begin) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is the organization that the person will act in.
func (c Begin) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide begins a session once.
func (c Begin) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/session", string(c.Session)); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/user", string(c.User)); err != nil {
		return nil, err
	}
	if s.Exists() {
		return nil, domain.ErrExists
	}
	return []domain.Event{Begun{
		Tenant: c.Tenant, Customer: c.Customer, Session: c.Session, User: c.User, Role: c.Role, Method: c.Method, Replaces: c.Replaces,
	}}, nil
}
