package webhook

import (
	"time"

	"avportal/domain"
)

// Disable stops what is sent, by a person or, where nothing gets through, by the portal itself.
type Disable struct {
	Tenant  domain.Tenant
	Webhook ID
	Reason  Reason
	At      time.Time
}

// Disabled tells why.
type Disabled struct {
	Webhook ID     `json:"webhook"`
	Reason  Reason `json:"reason"`
}

// EventType is the stored type name.
func (Disabled) EventType() string { return "webhook.disabled" }

// Stream is that of the reseller's webhooks.
func (c Disable) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage the reseller's settings.
func (c Disable) Needs() domain.Permission { return domain.ManageReseller }

// Decide disables one that is enabled.
func (c Disable) Decide(s State) ([]domain.Event, error) {
	w, there := s.Get(c.Webhook)
	switch {
	case !there:
		return nil, domain.ErrNotFound
	case w.Disabled != "":
		return nil, nil
	}
	return []domain.Event{Disabled{Webhook: c.Webhook, Reason: c.Reason}}, nil
}

// Enable lets a webhook be told again, of what is raised from now on.
type Enable struct {
	Tenant  domain.Tenant
	Webhook ID
	At      time.Time
}

// Enabled tells which.
type Enabled struct {
	Webhook ID `json:"webhook"`
}

// EventType is the stored type name.
func (Enabled) EventType() string { return "webhook.enabled" }

// Stream is that of the reseller's webhooks.
func (c Enable) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage the reseller's settings.
func (c Enable) Needs() domain.Permission { return domain.ManageReseller }

// Decide enables one that is disabled.
func (c Enable) Decide(s State) ([]domain.Event, error) {
	w, there := s.Get(c.Webhook)
	switch {
	case !there:
		return nil, domain.ErrNotFound
	case w.Disabled == "":
		return nil, nil
	}
	return []domain.Event{Enabled{Webhook: c.Webhook}}, nil
}
