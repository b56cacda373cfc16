package group

import (
	"time"

	"avportal/domain"
)

// MoveDevice moves a device within its tree. A move to another license is AddDevice there and RemoveDevice here.
type MoveDevice struct {
	Tenant domain.Tenant
	Device domain.DeviceID
	To     domain.GroupID
	At     time.Time
}

// DeviceMoved tells both groups.
type DeviceMoved struct {
	Device domain.DeviceID `json:"device"`
	From   domain.GroupID  `json:"from"`
	To     domain.GroupID  `json:"to"`
}

// EventType is the stored type name.
func (DeviceMoved) EventType() string { return "group.device_moved" }

// Stream is the tree's.
func (c MoveDevice) Stream() domain.Stream { return Stream(c.Tenant, c.To.License()) }

// Needs is the right to manage devices.
func (c MoveDevice) Needs() domain.Permission { return domain.ManageDevices }

// Decide moves a device that stands in the tree to a group of the tree.
func (c MoveDevice) Decide(s State) ([]domain.Event, error) {
	at, member := s.members.group[c.Device]
	switch {
	case !member:
		return nil, domain.ErrNotFound
	case !s.Has(c.To):
		return nil, ErrUnknownGroup.At("/to")
	case at == c.To:
		return nil, nil
	}
	return []domain.Event{DeviceMoved{Device: c.Device, From: at, To: c.To}}, nil
}
