package device

import (
	"time"

	"avportal/domain"
)

// MarkSent says that a request is being handed to the device. Hand over only what it does not refuse.
type MarkSent struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID
	At      time.Time
}

// RequestSent says that the device has the request.
type RequestSent struct {
	Device  domain.DeviceID `json:"device"`
	Request RequestID       `json:"request"`
	Kind    RequestKind     `json:"kind"`
	At      time.Time       `json:"at"`
}

// EventType is the stored type name.
func (RequestSent) EventType() string { return "device.request_sent" }

// Stream is the device's.
func (c MarkSent) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to speak as a device.
func (c MarkSent) Needs() domain.Permission { return domain.ActAsDevice }

// AllowedWhenExpired is there because what was asked while the license held may be carried out.
func (c MarkSent) AllowedWhenExpired() {}

// Decide marks what has not been sent yet; handing over again is already so. What has expired is not handed over.
func (c MarkSent) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	p, err := s.request(c.Request)
	switch {
	case err != nil || p.phase == started:
		return nil, err
	case !c.At.Before(p.ExpiresAt):
		return nil, ErrRequestFinished.With("The request has expired.")
	case p.phase == sent:
		return nil, nil
	}
	return []domain.Event{RequestSent{Device: c.Device, Request: c.Request, Kind: p.Kind, At: domain.Instant(c.At)}}, nil
}
