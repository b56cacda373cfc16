package webhook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"avportal/domain"
)

// Create adds a webhook. That its address is one that may be called is for who asks to check: rules of the net are not the domain's.
type Create struct {
	Tenant   domain.Tenant
	Webhook  ID
	Settings Settings
	Secret   SecretID
	At       time.Time
}

// Created tells the new webhook.
type Created struct {
	Tenant   domain.Tenant `json:"tenant"`
	Webhook  ID            `json:"webhook"`
	Settings Settings      `json:"settings"`
	Secret   SecretID      `json:"secret"` // where it is in the vault, not what it is
	At       time.Time     `json:"at"`
}

// EventType is the stored type name.
func (Created) EventType() string { return "webhook.created" }

// Stream is that of the reseller's webhooks.
func (c Create) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to manage the reseller's settings.
func (c Create) Needs() domain.Permission { return domain.ManageReseller }

// Creates is the reseller as a whole.
func (c Create) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant} }

// Decide adds it once.
func (c Create) Decide(s State) ([]domain.Event, error) {
	settings, err := c.Settings.clean()
	if err != nil {
		return nil, err
	}
	if err := domain.CheckID("/webhook", string(c.Webhook)); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/secret", string(c.Secret)); err != nil {
		return nil, err
	}
	if _, there := s.Get(c.Webhook); there {
		return nil, domain.ErrExists
	}
	if len(s.hooks) >= MaxWebhooks {
		return nil, ErrTooMany
	}
	return []domain.Event{Created{Tenant: c.Tenant, Webhook: c.Webhook, Settings: settings, Secret: c.Secret, At: domain.Instant(c.At)}}, nil
}

// clean gives settings as they are stored.
func (t Settings) clean() (Settings, error) {
	var err error
	if t.Name, err = domain.Name("/name", t.Name); err != nil {
		return t, err
	}
	if err := domain.Text("/url", t.URL.Text, MaxURL); err != nil {
		return t, err
	}
	if !strings.HasPrefix(t.URL.Text, "https://") {
		return t, domain.ErrInvalid.At("/url").With("The address must begin with https://.")
	}
	if err := domain.CheckID("/url", string(t.URL.Subject)); err != nil {
		return t, err
	}
	all := domain.Notices()
	for i, k := range t.Kinds {
		if !slices.Contains(all, k) {
			return t, domain.ErrInvalid.At(fmt.Sprintf("/kinds/%d", i)).With("There is no such kind of notification.")
		}
	}
	wanted := t.Kinds
	if t.Kinds = slices.DeleteFunc(all, func(k domain.Notice) bool { return !slices.Contains(wanted, k) }); len(t.Kinds) == 0 {
		return t, domain.ErrInvalid.At("/kinds").With("A webhook needs at least one kind of notification.")
	}
	return t, nil
}

func (t Settings) equal(o Settings) bool {
	return t.Name == o.Name && t.URL.Text == o.URL.Text && slices.Equal(t.Kinds, o.Kinds)
}
