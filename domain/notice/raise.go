package notice

import (
	"slices"
	"time"

	"avportal/domain"
)

// Raise tells of something, once.
type Raise struct {
	Tenant   domain.Tenant
	Notice   ID
	Kind     domain.Notice
	Subject  Subject
	Episode  string // tells this occasion from others of the kind and subject
	Facts    Facts
	Happened time.Time // by the portal's clock
	At       time.Time
}

// Raised tells of something that people want to know without asking.
type Raised struct {
	Tenant   domain.Tenant `json:"tenant"`
	Notice   ID            `json:"notice"`
	Kind     domain.Notice `json:"kind"`
	Subject  Subject       `json:"subject"`
	Episode  string        `json:"episode"`
	Facts    Facts         `json:"facts"`
	Happened time.Time     `json:"happened"` // what it tells of
	At       time.Time     `json:"at"`       // when it was raised
}

// EventType is the stored type name.
func (Raised) EventType() string { return "notice.raised" }

// Stream is the notice's.
func (c Raise) Stream() domain.Stream { return Stream(c.Tenant, c.Notice) }

// Needs is what only the portal itself has.
func (c Raise) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is whom the notice concerns.
func (c Raise) Creates() domain.Scope {
	return domain.Scope{Tenant: c.Tenant, Customer: c.Subject.Customer}
}

// IsNews reports whether what happened at a moment is still told of at another.
func IsNews(happened, at time.Time) bool { return at.Sub(happened) <= Recent }

// Decide raises once, and only what is news.
func (c Raise) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/notice", string(c.Notice)); err != nil {
		return nil, err
	}
	if !slices.Contains(domain.Notices(), c.Kind) {
		return nil, domain.ErrInvalid.At("/kind").With("There is no such kind of notification.")
	}
	if s.Exists() || !IsNews(c.Happened, c.At) {
		return nil, nil
	}
	return []domain.Event{Raised{
		Tenant: c.Tenant, Notice: c.Notice, Kind: c.Kind, Subject: c.Subject, Episode: c.Episode, Facts: c.Facts,
		Happened: domain.Instant(c.Happened), At: domain.Instant(c.At),
	}}, nil
}
