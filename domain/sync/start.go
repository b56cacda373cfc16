package sync

import (
	"time"

	"avportal/domain"
)

// Start begins a synchronization.
type Start struct {
	Tenant  domain.Tenant
	Sync    ID
	Trigger Trigger
	At      time.Time
}

// Started begins its history.
type Started struct {
	Tenant  domain.Tenant `json:"tenant"`
	Sync    ID            `json:"sync"`
	Trigger Trigger       `json:"trigger"`
}

// EventType is the stored type name.
func (Started) EventType() string { return "sync.started" }

// Stream is the synchronization's.
func (c Start) Stream() domain.Stream { return Stream(c.Tenant, c.Sync) }

// Needs is the right to manage licenses.
func (c Start) Needs() domain.Permission { return domain.ManageLicenses }

// Creates is the reseller as a whole.
func (c Start) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant} }

// Decide starts once; one that was broken off goes on.
func (c Start) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/sync", string(c.Sync)); err != nil || s.tenant != "" {
		return nil, err
	}
	return []domain.Event{Started{Tenant: c.Tenant, Sync: c.Sync, Trigger: c.Trigger}}, nil
}
