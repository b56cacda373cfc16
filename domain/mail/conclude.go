package mail

import (
	"time"

	"avportal/domain"
)

// Conclude notes that a mail server has taken a message, or that the message was given up.
type Conclude struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Mail     ID
	Kind     Kind
	User     domain.UserID // who gets it; empty for a recipient who is no user
	Failure  string        // why it was given up, such as the server's code; empty: it was sent
	At       time.Time
}

// Sent is the whole history of a message that a mail server has taken.
type Sent struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Mail     ID                `json:"mail"`
	Kind     Kind              `json:"kind"`
	User     domain.UserID     `json:"user,omitempty"`
}

// EventType is the stored type name.
func (Sent) EventType() string { return "mail.sent" }

// Failed is the whole history of a message that was given up.
type Failed struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer,omitempty"`
	Mail     ID                `json:"mail"`
	Kind     Kind              `json:"kind"`
	User     domain.UserID     `json:"user,omitempty"`
	Reason   string            `json:"reason"` // without the server's words, which may hold the address
}

// EventType is the stored type name.
func (Failed) EventType() string { return "mail.failed" }

// Stream is the message's.
func (c Conclude) Stream() domain.Stream { return Stream(c.Tenant, c.Mail) }

// Needs is what only the portal itself has.
func (c Conclude) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is in the organization that the message is about.
func (c Conclude) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Customer}
}

// Decide concludes once; how it was concluded first holds.
func (c Conclude) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/mail", string(c.Mail)); err != nil {
		return nil, err
	}
	if s.Exists() {
		return nil, nil
	}
	if c.Failure != "" {
		return []domain.Event{Failed{Tenant: c.Tenant, Customer: c.Customer, Mail: c.Mail, Kind: c.Kind, User: c.User, Reason: c.Failure}}, nil
	}
	return []domain.Event{Sent{Tenant: c.Tenant, Customer: c.Customer, Mail: c.Mail, Kind: c.Kind, User: c.User}}, nil
}
