package sync

import (
	"time"

	"avportal/domain"
)

// Outcome is what a synchronization has come to.
type Outcome struct {
	Accounts int    `json:"accounts"` // that the Reseller Portal lists
	Licenses int    `json:"licenses"`
	Changed  int    `json:"changed"`           // customers and licenses that are new or different
	Refused  int    `json:"refused"`           // that a rule of ours forbids, such as a license that would end earlier
	Failure  string `json:"failure,omitempty"` // the code of what broke it off
}

// Finish says how a synchronization came out.
type Finish struct {
	Tenant  domain.Tenant
	Sync    ID
	Outcome Outcome
	At      time.Time
}

// Finished ends its history.
type Finished struct {
	Sync    ID      `json:"sync"`
	Outcome Outcome `json:"outcome"`
}

// EventType is the stored type name.
func (Finished) EventType() string { return "sync.finished" }

// Stream is the synchronization's.
func (c Finish) Stream() domain.Stream { return Stream(c.Tenant, c.Sync) }

// Needs is the right to manage licenses.
func (c Finish) Needs() domain.Permission { return domain.ManageLicenses }

// Decide finishes once.
func (c Finish) Decide(s State) ([]domain.Event, error) {
	switch {
	case s.tenant == "":
		return nil, domain.ErrNotFound
	case s.finished:
		return nil, nil
	}
	return []domain.Event{Finished{Sync: c.Sync, Outcome: c.Outcome}}, nil
}
