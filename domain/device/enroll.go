package device

import (
	"time"

	"avportal/domain"
)

// Enroll makes a device known. Its seat has been taken before (license.Activate).
type Enroll struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID // of the license
	Device   domain.DeviceID
	Group    domain.GroupID
	GUID     string // made when the client was installed
	Facts    Facts
	At       time.Time
}

// Enrolled begins a device's history.
type Enrolled struct {
	Tenant   domain.Tenant     `json:"tenant"`
	Customer domain.CustomerID `json:"customer"`
	License  domain.LicenseID  `json:"license"`
	Group    domain.GroupID    `json:"group"`
	Device   domain.DeviceID   `json:"device"`
	GUID     string            `json:"guid"`
	Facts    Facts             `json:"facts"`
}

// EventType is the stored type name.
func (Enrolled) EventType() string { return "device.enrolled" }

// Stream is the device's.
func (c Enroll) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to speak as a device.
func (c Enroll) Needs() domain.Permission { return domain.ActAsDevice }

// Creates is the customer of the license.
func (c Enroll) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant, Customer: c.Customer} }

// Decide enrolls once. The same device again in the same license keeps its place, which a person may have changed.
func (c Enroll) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/device", string(c.Device)); err != nil {
		return nil, err
	}
	if err := domain.CheckID("/guid", c.GUID); err != nil {
		return nil, err
	}
	facts, err := c.Facts.checked()
	switch {
	case err != nil:
		return nil, err
	case c.Group.License() == "":
		return nil, domain.ErrInvalid.At("/group").With("This is not the id of a group.")
	case s.removed:
		return nil, ErrRemoved
	case s.exists && (s.guid != hash(c.GUID) || s.License() != c.Group.License()):
		return nil, domain.ErrExists.With("The device is enrolled with another GUID or license.")
	case s.exists:
		return nil, nil
	}
	return []domain.Event{Enrolled{
		Tenant: c.Tenant, Customer: c.Customer, License: c.Group.License(), Group: c.Group,
		Device: c.Device, GUID: c.GUID, Facts: facts,
	}}, nil
}
