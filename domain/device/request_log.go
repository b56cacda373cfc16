package device

import (
	"time"

	"avportal/domain"
)

// ErrNoLogConsent says that the customer has not let the logs of his devices be read.
var ErrNoLogConsent = &domain.Error{
	Class: domain.Conflict, Code: "no_log_consent",
	Message: "The customer has not consented to the logs of his devices being read. His administrator can do so.",
}

// RequestLog asks a device for what it and its engine have written of late.
type RequestLog struct {
	Tenant    domain.Tenant
	Device    domain.DeviceID
	Request   RequestID // a fresh UUID
	Consented bool      // the customer lets logs be read
	At        time.Time
}

// LogRequested says when the request is given up if the device does not start.
type LogRequested struct {
	Device    domain.DeviceID `json:"device"`
	Request   RequestID       `json:"request"`
	At        time.Time       `json:"at"`
	ExpiresAt time.Time       `json:"expires_at"`
}

// EventType is the stored type name.
func (LogRequested) EventType() string { return "device.log_requested" }

// Stream is the device's.
func (c RequestLog) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c RequestLog) Needs() domain.Permission { return domain.ManageDevices }

// Decide queues the request, unless one already waits.
func (c RequestLog) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	if !c.Consented {
		return nil, ErrNoLogConsent
	}
	at := domain.Instant(c.At)
	return s.admit(Pending{ID: c.Request, Kind: FetchLog}, LogRequested{
		Device: c.Device, Request: c.Request, At: at, ExpiresAt: at.Add(RequestLifetime),
	})
}
