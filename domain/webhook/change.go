package webhook

import (
	"time"

	"avportal/domain"
)

// Change gives a webhook other settings.
type Change struct {
	Tenant   domain.Tenant
	Webhook  ID
	Settings Settings
	At       time.Time
}

// Changed tells both settings.
type Changed struct {
	Webhook ID       `json:"webhook"`
	From    Settings `json:"from"`
	To      Settings `json:"to"`
}

// EventType is the stored type name.
func (Changed) EventType() string { return "webhook.changed" }

// Stream is that of the reseller's webhooks.
func (c Change) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage the reseller's settings.
func (c Change) Needs() domain.Permission { return domain.ManageReseller }

// Decide changes them, unless they are so already.
func (c Change) Decide(s State) ([]domain.Event, error) {
	w, there := s.Get(c.Webhook)
	if !there {
		return nil, domain.ErrNotFound
	}
	settings, err := c.Settings.clean()
	if err != nil || settings.equal(w.Settings) {
		return nil, err
	}
	return []domain.Event{Changed{Webhook: c.Webhook, From: w.Settings, To: settings}}, nil
}

// ChangeSecret lets requests be signed with another secret; for a day they are signed with the one before as well.
type ChangeSecret struct {
	Tenant  domain.Tenant
	Webhook ID
	Secret  SecretID
	At      time.Time
}

// SecretChanged tells where both secrets are in the vault.
type SecretChanged struct {
	Webhook ID        `json:"webhook"`
	From    SecretID  `json:"from"`
	To      SecretID  `json:"to"`
	At      time.Time `json:"at"`
}

// EventType is the stored type name.
func (SecretChanged) EventType() string { return "webhook.secret_changed" }

// Stream is that of the reseller's webhooks.
func (c ChangeSecret) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage the reseller's settings.
func (c ChangeSecret) Needs() domain.Permission { return domain.ManageReseller }

// Decide changes it once.
func (c ChangeSecret) Decide(s State) ([]domain.Event, error) {
	w, there := s.Get(c.Webhook)
	if !there {
		return nil, domain.ErrNotFound
	}
	if err := domain.CheckID("/secret", string(c.Secret)); err != nil || w.Secret == c.Secret {
		return nil, err
	}
	return []domain.Event{SecretChanged{Webhook: c.Webhook, From: w.Secret, To: c.Secret, At: domain.Instant(c.At)}}, nil
}

// Remove takes a webhook away.
type Remove struct {
	Tenant  domain.Tenant
	Webhook ID
	At      time.Time
}

// Removed tells which.
type Removed struct {
	Webhook ID `json:"webhook"`
}

// EventType is the stored type name.
func (Removed) EventType() string { return "webhook.removed" }

// Stream is that of the reseller's webhooks.
func (c Remove) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage the reseller's settings.
func (c Remove) Needs() domain.Permission { return domain.ManageReseller }

// Decide removes one that is there.
func (c Remove) Decide(s State) ([]domain.Event, error) {
	if _, there := s.Get(c.Webhook); !there {
		return nil, domain.ErrNotFound
	}
	return []domain.Event{Removed{Webhook: c.Webhook}}, nil
}
