package device

import (
	"time"

	"avportal/domain"
)

// Move says that the device stands in another group now, perhaps of another license or customer. That it has a seat
// there and stands in that tree is for the commands before it (license.Activate, group.AddDevice).
type Move struct {
	Tenant     domain.Tenant
	Device     domain.DeviceID
	ToGroup    domain.GroupID
	ToCustomer domain.CustomerID // of the license of ToGroup
	At         time.Time
}

// Moved tells both places.
type Moved struct {
	Device       domain.DeviceID   `json:"device"`
	FromGroup    domain.GroupID    `json:"from_group"`
	ToGroup      domain.GroupID    `json:"to_group"`
	FromLicense  domain.LicenseID  `json:"from_license"`
	ToLicense    domain.LicenseID  `json:"to_license"`
	FromCustomer domain.CustomerID `json:"from_customer"`
	ToCustomer   domain.CustomerID `json:"to_customer"`
}

// EventType is the stored type name.
func (Moved) EventType() string { return "device.moved" }

// Stream is the device's.
func (c Move) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c Move) Needs() domain.Permission { return domain.ManageDevices }

// Decide moves, unless the device is there already.
func (c Move) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	from := s.common()
	license := c.ToGroup.License()
	switch {
	case license == "":
		return nil, domain.ErrInvalid.At("/group").With("This is not the id of a group.")
	case license == from.group.License() && c.ToCustomer != from.scope.Customer:
		return nil, domain.ErrInvalid.At("/customer").With("The license belongs to another customer.")
	case c.ToGroup == from.group:
		return nil, nil
	}
	return []domain.Event{Moved{
		Device:    c.Device,
		FromGroup: from.group, ToGroup: c.ToGroup,
		FromLicense: from.group.License(), ToLicense: license,
		FromCustomer: from.scope.Customer, ToCustomer: c.ToCustomer,
	}}, nil
}
