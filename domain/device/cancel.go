package device

import (
	"time"

	"avportal/domain"
)

// ErrRequestSent says that it is too late to cancel.
var ErrRequestSent = &domain.Error{
	Class: domain.Conflict, Code: "request_sent",
	Message: "The device already has the request; it can't be cancelled any more.",
}

// AbortReason says why a request ended without an answer.
type AbortReason string

// The reasons there are.
const (
	AbortedByPerson  AbortReason = "cancelled"
	AbortedByTime    AbortReason = "expired"             // the device did not ask for it in time
	AbortedBySilence AbortReason = "communication_error" // the device had it and never answered
	AbortedByRemoval AbortReason = "device_removed"
	AbortedByAnother AbortReason = "superseded" // other settings followed before the device had these
)

// Cancel takes back a request that the device does not have yet.
type Cancel struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID
	At      time.Time
}

// RequestAborted says that no answer will come.
type RequestAborted struct {
	Device  domain.DeviceID `json:"device"`
	Request RequestID       `json:"request"`
	Kind    RequestKind     `json:"kind"`
	Reason  AbortReason     `json:"reason"`
}

// EventType is the stored type name.
func (RequestAborted) EventType() string { return "device.request_aborted" }

// Stream is the device's.
func (c Cancel) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c Cancel) Needs() domain.Permission { return domain.ManageDevices }

// Decide cancels what has not been sent.
func (c Cancel) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	p, err := s.request(c.Request)
	switch {
	case err != nil:
		return nil, err
	case p.phase != queued:
		return nil, ErrRequestSent
	}
	return []domain.Event{RequestAborted{Device: c.Device, Request: c.Request, Kind: p.Kind, Reason: AbortedByPerson}}, nil
}
