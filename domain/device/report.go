package device

import (
	"time"

	"avportal/domain"
)

// Report is what a client tells of its threats and guards. Its facts go to Observe.
type Report struct {
	Tenant   domain.Tenant
	Device   domain.DeviceID
	Threats  []Threat // open ones, and those resolved since the report before
	Complete bool     // every open threat is listed: one that is not has been resolved
	Guards   Guards
	// Applied is the profile that the client says it is set by, the zero Configuration for none; nil if it does not say.
	Applied *Configuration
	At      time.Time
}

// GuardsChanged tells all guards before and after.
type GuardsChanged struct {
	Device domain.DeviceID `json:"device"`
	From   Guards          `json:"from"`
	To     Guards          `json:"to"`
}

// EventType is the stored type name.
func (GuardsChanged) EventType() string { return "device.guards_changed" }

// Stream is the device's.
func (c Report) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is the right to speak as a device.
func (c Report) Needs() domain.Permission { return domain.ActAsDevice }

// AllowedWhenExpired is there because a client may always say how it is.
func (c Report) AllowedWhenExpired() {}

// Decide tells what is new. A report that says what the last one said leaves nothing behind.
func (c Report) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	events, err := s.compare(c.Device, c.Threats, c.Complete)
	if err == nil && c.Guards != s.guards {
		events = append(events, GuardsChanged{Device: c.Device, From: s.guards, To: c.Guards})
	}
	if err != nil || c.Applied == nil {
		return events, err
	}
	if err := c.Applied.check(); err != nil {
		return nil, err
	}
	return append(events, s.apply(c.Device, *c.Applied, c.At)...), nil
}
