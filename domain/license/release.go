package license

import (
	"time"

	"avportal/domain"
)

// Release gives a device's seat back. It is the last step of a removal, and of a move to another license.
type Release struct {
	Tenant   domain.Tenant
	License  domain.LicenseID
	Device   domain.DeviceID
	ByDevice bool // the device was uninstalled, or its enrollment could not be completed
	At       time.Time
}

// Released says that a seat is free again.
type Released struct {
	License domain.LicenseID `json:"license"`
	Device  domain.DeviceID  `json:"device"`
	Used    int              `json:"used"` // seats in use from now on
}

// EventType is the stored type name.
func (Released) EventType() string { return "license.released" }

// Stream is the license's.
func (c Release) Stream() domain.Stream { return Stream(c.Tenant, c.License) }

// Needs is the right to speak as a device or to manage devices.
func (c Release) Needs() domain.Permission { return domain.DevicePermission(c.ByDevice) }

// Decide frees the seat; a device without one has nothing to give back.
func (c Release) Decide(s State) ([]domain.Event, error) {
	switch {
	case !s.Exists():
		return nil, domain.ErrNotFound
	case !s.Holds(c.Device):
		return nil, nil
	}
	return []domain.Event{Released{License: c.License, Device: c.Device, Used: s.used - 1}}, nil
}
