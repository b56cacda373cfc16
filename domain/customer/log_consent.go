package customer

import (
	"time"

	"avportal/domain"
)

// ConsentToLogs says whether the customer lets the logs of his devices be read: they tell which files people have and when they
// work. Only he can say so, not the reseller for him. Without his word the answer is no.
type ConsentToLogs struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	Allowed  bool
	At       time.Time
}

// LogConsentGiven says that the customer lets the logs of his devices be read from now on.
type LogConsentGiven struct {
	Customer domain.CustomerID `json:"customer"`
}

// LogConsentEnded says that the customer does not let the logs of his devices be read any more. Those that the portal has are
// dropped.
type LogConsentEnded struct {
	Customer domain.CustomerID `json:"customer"`
}

// EventType is the stored type name.
func (LogConsentGiven) EventType() string { return "customer.log_consent_given" }

// EventType is the stored type name.
func (LogConsentEnded) EventType() string { return "customer.log_consent_ended" }

// Stream is the customer's.
func (c ConsentToLogs) Stream() domain.Stream { return Stream(c.Tenant, c.Customer) }

// Needs is the right to speak for the customer.
func (c ConsentToLogs) Needs() domain.Permission { return domain.GiveConsent }

// Decide notes what the customer says, unless he has said so already.
func (c ConsentToLogs) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case c.Allowed == s.logs:
		return nil, nil
	case c.Allowed:
		return []domain.Event{LogConsentGiven{Customer: c.Customer}}, nil
	}
	return []domain.Event{LogConsentEnded{Customer: c.Customer}}, nil
}
