package group

import (
	"time"

	"avportal/domain"
)

// RemoveDevice takes a device out of the tree of a license.
type RemoveDevice struct {
	Tenant   domain.Tenant
	License  domain.LicenseID
	Device   domain.DeviceID
	ByDevice bool // the device was uninstalled; otherwise a person removes it or moves it to another license
	At       time.Time
}

// DeviceRemoved tells where the device stood.
type DeviceRemoved struct {
	Device domain.DeviceID `json:"device"`
	Group  domain.GroupID  `json:"group"`
}

// EventType is the stored type name.
func (DeviceRemoved) EventType() string { return "group.device_removed" }

// Stream is the tree's.
func (c RemoveDevice) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to speak as a device or to manage devices.
func (c RemoveDevice) Needs() domain.Permission { return domain.DevicePermission(c.ByDevice) }

// AllowedWhenExpired is there because it gives a seat back.
func (c RemoveDevice) AllowedWhenExpired() {}

// Decide removes a device that stands in the tree; one that does not is removed already.
func (c RemoveDevice) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	at, member := s.members.group[c.Device]
	if !member {
		return nil, nil
	}
	return []domain.Event{DeviceRemoved{Device: c.Device, Group: at}}, nil
}
