package device

import (
	"time"

	"avportal/domain"
)

// Configuration is a configuration profile as it stood after one of its changes.
type Configuration struct {
	Profile domain.ProfileID `json:"profile"`
	Edition int              `json:"edition"` // counts the settings of a profile, from 1
}

func (c Configuration) check() error {
	if c == (Configuration{}) {
		return nil
	}
	if c.Edition < 1 {
		return domain.ErrInvalid.At("/edition").With("Editions count from 1.")
	}
	return domain.CheckID("/profile", string(c.Profile))
}

// RequestProfile asks a device to take on the settings of a profile.
type RequestProfile struct {
	Tenant        domain.Tenant
	Device        domain.DeviceID
	Request       RequestID // a fresh UUID
	Configuration Configuration
	At            time.Time
}

// ProfileRequested says which settings the device is to take on, and when the request is given up if the device does not start.
type ProfileRequested struct {
	Device        domain.DeviceID `json:"device"`
	Request       RequestID       `json:"request"`
	Configuration Configuration   `json:"configuration"`
	At            time.Time       `json:"at"`
	ExpiresAt     time.Time       `json:"expires_at"`
}

// EventType is the stored type name.
func (ProfileRequested) EventType() string { return "device.profile_requested" }

// Stream is the device's.
func (c RequestProfile) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to manage devices.
func (c RequestProfile) Needs() domain.Permission { return domain.ManageDevices }

// Decide queues the request. One for other settings that the device does not have yet is given up: only the last counts.
func (c RequestProfile) Decide(s State) ([]domain.Event, error) {
	if err := c.Configuration.check(); err != nil || c.Configuration.Edition == 0 {
		return nil, domain.ErrInvalid.At("/configuration").With("This names no edition of a profile.")
	}
	at := domain.Instant(c.At)
	events, err := s.admit(Pending{ID: c.Request, Kind: ApplyProfile, Configuration: c.Configuration}, ProfileRequested{
		Device: c.Device, Request: c.Request, Configuration: c.Configuration, At: at, ExpiresAt: at.Add(RequestLifetime),
	})
	if err != nil || len(events) == 0 {
		return nil, err
	}
	var superseded []domain.Event
	for _, p := range s.requests() {
		if p.Kind == ApplyProfile && p.phase == queued {
			superseded = append(superseded, RequestAborted{Device: c.Device, Request: p.ID, Kind: p.Kind, Reason: AbortedByAnother})
		}
	}
	return append(superseded, events...), nil
}

// overtaken reports whether other settings are to follow those of a request.
func (s State) overtaken(i int) bool {
	all := s.requests()
	for _, later := range all[i+1:] {
		if all[i].Kind == ApplyProfile && later.Kind == ApplyProfile {
			return true
		}
	}
	return false
}
