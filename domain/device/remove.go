package device

import (
	"time"

	"avportal/domain"
)

// Remove takes a device out of the portal for good. Its seat and its place in the tree are given back by the commands
// after it (group.RemoveDevice, license.Release).
type Remove struct {
	Tenant   domain.Tenant
	Device   domain.DeviceID
	Reason   string // in words, may be empty
	ByDevice bool   // the client was uninstalled
	At       time.Time
}

// Removed tells where the device stood.
type Removed struct {
	Device   domain.DeviceID   `json:"device"`
	Customer domain.CustomerID `json:"customer"`
	License  domain.LicenseID  `json:"license"`
	Group    domain.GroupID    `json:"group"`
	Reason   string            `json:"reason"`
}

// EventType is the stored type name.
func (Removed) EventType() string { return "device.removed" }

// Stream is the device's.
func (c Remove) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to speak as a device or to manage devices.
func (c Remove) Needs() domain.Permission { return domain.DevicePermission(c.ByDevice) }

// AllowedWhenExpired is there because it gives a seat back.
func (c Remove) AllowedWhenExpired() {}

// Decide removes once. What was asked of the device ends with it.
func (c Remove) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.exists:
		return nil, domain.ErrNotFound
	case s.removed:
		return nil, nil
	}
	reason, err := domain.Label("/reason", c.Reason)
	if err != nil {
		return nil, err
	}
	var events []domain.Event
	for _, p := range s.requests() {
		events = append(events, RequestAborted{Device: c.Device, Request: p.ID, Kind: p.Kind, Reason: AbortedByRemoval})
	}
	at := s.common()
	return append(events, Removed{
		Device: c.Device, Customer: at.scope.Customer, License: at.group.License(), Group: at.group, Reason: reason,
	}), nil
}
