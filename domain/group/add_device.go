package group

import (
	"time"

	"avportal/domain"
)

// ErrElsewhere says that a device already stands in another group of the tree.
var ErrElsewhere = &domain.Error{
	Class: domain.Conflict, Code: "device_in_other_group",
	Message: "The device stands in another group of this license. Move it instead.",
}

// AddDevice puts a device that has taken a seat of the license into one of its groups.
type AddDevice struct {
	Tenant   domain.Tenant
	Group    domain.GroupID
	Device   domain.DeviceID
	ByDevice bool // the device enrolls itself; otherwise a person moves it here from another license
	At       time.Time
}

// DeviceAdded says where the device stands.
type DeviceAdded struct {
	Device domain.DeviceID `json:"device"`
	Group  domain.GroupID  `json:"group"`
}

// EventType is the stored type name.
func (DeviceAdded) EventType() string { return "group.device_added" }

// Stream is the tree's.
func (c AddDevice) Stream() domain.Stream { return Stream(c.Tenant, c.Group.License()) }

// Needs is the right to speak as a device or to manage devices.
func (c AddDevice) Needs() domain.Permission { return domain.DevicePermission(c.ByDevice) }

// Decide adds a device that stands nowhere in the tree.
func (c AddDevice) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/device", string(c.Device)); err != nil {
		return nil, err
	}
	at, member := s.members.group[c.Device]
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case !s.Has(c.Group):
		return nil, ErrUnknownGroup.At("/group")
	case at == c.Group:
		return nil, nil
	case member:
		return nil, ErrElsewhere
	}
	return []domain.Event{DeviceAdded{Device: c.Device, Group: c.Group}}, nil
}
