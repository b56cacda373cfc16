package device

import (
	"time"

	"avportal/domain"
)

// MarkStarted says that the device has begun.
type MarkStarted struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID
	At      time.Time
}

// RequestStarted says that the request is running.
type RequestStarted struct {
	Device  domain.DeviceID `json:"device"`
	Request RequestID       `json:"request"`
	Kind    RequestKind     `json:"kind"`
	At      time.Time       `json:"at"`
}

// EventType is the stored type name.
func (RequestStarted) EventType() string { return "device.request_started" }

// Stream is the device's.
func (c MarkStarted) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to speak as a device.
func (c MarkStarted) Needs() domain.Permission { return domain.ActAsDevice }

// AllowedWhenExpired is there because a client may always say how it is.
func (c MarkStarted) AllowedWhenExpired() {}

// Decide marks it once. Whoever has begun has been handed the request, whether that was written down or not.
func (c MarkStarted) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	p, err := s.request(c.Request)
	if err != nil || p.phase == started {
		return nil, err
	}
	return []domain.Event{RequestStarted{Device: c.Device, Request: c.Request, Kind: p.Kind, At: domain.Instant(c.At)}}, nil
}
