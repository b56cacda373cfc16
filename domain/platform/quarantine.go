package platform

import (
	"time"

	"avportal/domain"
)

// MaxReason bounds the reason for a quarantine, in characters.
const MaxReason = 1000

// Quarantine makes a view leave out an event that it can't apply: the live tables, and every rebuild from now on.
type Quarantine struct {
	View     string
	Event    string // the event's id
	Position string // of the event in the log
	Reason   string
	At       time.Time
}

// EventQuarantined says that a view leaves an event out, and why.
type EventQuarantined struct {
	View     string `json:"view"`
	Event    string `json:"event_id"`
	Position string `json:"position"`
	Reason   string `json:"reason"`
}

// EventType is the stored type name.
func (EventQuarantined) EventType() string { return "platform.event_quarantined" }

// Stream is the view's.
func (c Quarantine) Stream() domain.Stream { return ViewStream(c.View) }

// Needs is the right to operate the platform.
func (c Quarantine) Needs() domain.Permission { return domain.OperatePlatform }

// Creates is the platform.
func (c Quarantine) Creates() domain.Scope { return domain.Scope{Tenant: Tenant} }

// Decide quarantines once; there must be a reason. That the view stands before the event is for the caller to check: the
// log does not know where views stand.
func (c Quarantine) Decide(v View) ([]domain.Event, error) {
	if err := domain.Text("/reason", c.Reason, MaxReason); err != nil {
		return nil, err
	}
	switch {
	case c.Reason == "":
		return nil, domain.ErrInvalid.At("/reason").With("Say why the event is left out.")
	case c.View == "" || c.Event == "" || c.Position == "":
		return nil, domain.ErrInvalid.With("A quarantine names a view, an event and its position.")
	case v.leavesOut(c.Event):
		return nil, nil
	}
	return []domain.Event{EventQuarantined{View: c.View, Event: c.Event, Position: c.Position, Reason: c.Reason}}, nil
}
