// Package webhook is where a reseller wants to be told of notices by HTTP. All webhooks of a reseller are one stream: they are few, and
// so a notice finds those that there are at its moment without a view that may be behind. The secrets that requests are signed with
// stand in the vault.
package webhook

import (
	"slices"
	"time"

	"avportal/domain"
)

// ID names a webhook.
type ID string

// SecretID names a secret in the vault. A secret never changes: another one has another id.
type SecretID string

// Bounds of what a reseller may have.
const (
	MaxWebhooks = 20
	MaxURL      = 2000           // bytes
	Overlap     = 24 * time.Hour // how long requests are signed with the secret before as well
)

// Settings are what people choose of a webhook. An address may have a secret in it (many services know who calls by it), so it stands
// in the log sealed.
type Settings struct {
	Name  string          `json:"name"`
	URL   domain.Personal `json:"url"`
	Kinds []domain.Notice `json:"kinds"` // in the order of the list of kinds
}

// Webhook is one webhook as it stands.
type Webhook struct {
	ID        ID
	Settings  Settings
	CreatedAt time.Time
	Secret    SecretID
	Previous  SecretID  // until Overlap after RotatedAt; empty: none
	RotatedAt time.Time // zero: never
	Disabled  Reason    // empty: it is enabled
}

// Reason says why nothing is sent.
type Reason string

// The reasons there are.
const (
	ByPerson Reason = "switched_off"
	Failing  Reason = "failing" // nothing has got through for long
	Gone     Reason = "gone"    // the other side says that there is nobody any more
)

// Events are the event types of webhooks.
var Events = []domain.Declaration{
	domain.Declare[Created](1),
	domain.Declare[Changed](1),
	domain.Declare[SecretChanged](1),
	domain.Declare[Disabled](1),
	domain.Declare[Enabled](1),
	domain.Declare[Removed](1),
}

// Refusals that concern webhooks.
var (
	ErrTooMany = &domain.Error{Class: domain.Conflict, Code: "too_many_webhooks", Message: "You can have no more webhooks. Remove one first."}
)

// Stream is the one stream of a reseller's webhooks.
func Stream(t domain.Tenant) domain.Stream {
	return domain.Stream{Tenant: t, Kind: domain.KindWebhook, ID: "all"}
}

// State is the webhooks that there are.
type State struct {
	tenant domain.Tenant
	hooks  []Webhook // never changed in place
}

// Evolve returns the state after one more event.
func (s State) Evolve(e domain.Event) State {
	switch e := e.(type) {
	case Created:
		s.tenant = e.Tenant
		s.hooks = append(slices.Clip(s.hooks), Webhook{ID: e.Webhook, Settings: e.Settings, CreatedAt: e.At, Secret: e.Secret})
	case Changed:
		s = s.with(e.Webhook, func(w *Webhook) { w.Settings = e.To })
	case SecretChanged:
		s = s.with(e.Webhook, func(w *Webhook) { w.Previous, w.Secret, w.RotatedAt = w.Secret, e.To, e.At })
	case Disabled:
		s = s.with(e.Webhook, func(w *Webhook) { w.Disabled = e.Reason })
	case Enabled:
		s = s.with(e.Webhook, func(w *Webhook) { w.Disabled = "" })
	case Removed:
		s.hooks = slices.DeleteFunc(slices.Clone(s.hooks), func(w Webhook) bool { return w.ID == e.Webhook })
	}
	return s
}

func (s State) with(id ID, change func(*Webhook)) State {
	s.hooks = slices.Clone(s.hooks)
	for i := range s.hooks {
		if s.hooks[i].ID == id {
			change(&s.hooks[i])
		}
	}
	return s
}

// Scope is the reseller as a whole.
func (s State) Scope() domain.Scope { return domain.Scope{Tenant: s.tenant} }

// All lists the webhooks, oldest first. The slice must not be changed.
func (s State) All() []Webhook { return s.hooks }

// Get finds a webhook.
func (s State) Get(id ID) (Webhook, bool) {
	i := slices.IndexFunc(s.hooks, func(w Webhook) bool { return w.ID == id })
	if i < 0 {
		return Webhook{}, false
	}
	return s.hooks[i], true
}

// Wants reports whether a webhook is told of a notice. One that was raised before the webhook came is none of its concern.
func (w Webhook) Wants(kind domain.Notice, raised time.Time) bool {
	return w.Disabled == "" && !raised.Before(w.CreatedAt) && slices.Contains(w.Settings.Kinds, kind)
}

// Secrets are those that a request is signed with at a moment, the present one first.
func (w Webhook) Secrets(now time.Time) []SecretID {
	if w.Previous != "" && now.Before(w.RotatedAt.Add(Overlap)) {
		return []SecretID{w.Secret, w.Previous}
	}
	return []SecretID{w.Secret}
}
