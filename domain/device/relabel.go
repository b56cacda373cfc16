package device

import (
	"time"

	"avportal/domain"
)

// Relabel sets the custom designation that is shown beside the host name; empty takes it away.
type Relabel struct {
	Tenant domain.Tenant
	Device domain.DeviceID
	Label  string
	At     time.Time
}

// Relabeled tells both designations.
type Relabeled struct {
	Device domain.DeviceID `json:"device"`
	From   string          `json:"from"`
	To     string          `json:"to"`
}

// EventType is the stored type name.
func (Relabeled) EventType() string { return "device.relabeled" }

// Stream is the device's.
func (c Relabel) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c Relabel) Needs() domain.Permission { return domain.ManageDevices }

// Decide sets the designation, unless it is so already.
func (c Relabel) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	label, err := domain.Label("/label", c.Label)
	if err != nil || label == s.Label() {
		return nil, err
	}
	return []domain.Event{Relabeled{Device: c.Device, From: s.Label(), To: label}}, nil
}
