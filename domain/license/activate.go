package license

import (
	"time"

	"avportal/domain"
)

// ErrNoSeats says that every seat is taken.
var ErrNoSeats = &domain.Error{
	Class: domain.Conflict, Code: "no_seats",
	Message: "Every seat of the license is in use. Remove a device or add seats.",
}

// Activate takes a seat for a device: the first step of an enrollment, and of a move to another license.
type Activate struct {
	Tenant   domain.Tenant
	License  domain.LicenseID
	Device   domain.DeviceID
	Group    domain.GroupID // where in the license's tree the device will stand
	ByDevice bool           // the device enrolls itself, having shown the license's TID (see State.Accepts)
	At       time.Time
}

// Activated says that a device has taken a seat.
type Activated struct {
	License domain.LicenseID `json:"license"`
	Device  domain.DeviceID  `json:"device"`
	Group   domain.GroupID   `json:"group"`
	Used    int              `json:"used"` // seats in use from now on
}

// EventType is the stored type name.
func (Activated) EventType() string { return "license.activated" }

// Stream is the license's.
func (c Activate) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to speak as a device or, in a move, to manage devices.
func (c Activate) Needs() domain.Permission { return domain.DevicePermission(c.ByDevice) }

// Decide gives a seat if there is one and the license holds. A device that has one keeps it.
func (c Activate) Decide(s State) ([]domain.Event, error) {
	if err := domain.CheckID("/device", string(c.Device)); err != nil {
		return nil, err
	}
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case s.Holds(c.Device):
		return nil, nil
	case s.ExpiredAt(c.At):
		return nil, domain.ErrLicenseExpired
	case c.Group.License() != c.License:
		return nil, domain.ErrInvalid.At("/group").With("The group belongs to another license.")
	case s.kind == Purchase && s.used >= s.seats:
		return nil, ErrNoSeats
	}
	return []domain.Event{Activated{License: c.License, Device: c.Device, Group: c.Group, Used: s.used + 1}}, nil
}
