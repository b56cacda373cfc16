package device

import (
	"time"

	"avportal/domain"
)

// RequestUpdate asks a device to fetch signatures now.
type RequestUpdate struct {
	Tenant  domain.Tenant
	Device  domain.DeviceID
	Request RequestID // a fresh UUID
	At      time.Time
}

// UpdateRequested says when the request is given up if the device does not start.
type UpdateRequested struct {
	Device    domain.DeviceID `json:"device"`
	Request   RequestID       `json:"request"`
	At        time.Time       `json:"at"`
	ExpiresAt time.Time       `json:"expires_at"`
}

// EventType is the stored type name.
func (UpdateRequested) EventType() string { return "device.update_requested" }

// Stream is the device's.
func (c RequestUpdate) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c RequestUpdate) Needs() domain.Permission { return domain.ManageDevices }

// Decide queues the update, unless one already waits.
func (c RequestUpdate) Decide(s State) ([]domain.Event, error) {
	at := domain.Instant(c.At)
	return s.admit(Pending{ID: c.Request, Kind: Update}, UpdateRequested{
		Device: c.Device, Request: c.Request, At: at, ExpiresAt: at.Add(RequestLifetime),
	})
}
