package device

import (
	"time"

	"avportal/domain"
)

// Observe tells the facts of a device. Send it with an actor that is not limited to a customer (see Telemetry.Scope),
// and only for a device that is not removed, which this stream does not know.
type Observe struct {
	Tenant   domain.Tenant
	Device   domain.DeviceID
	Facts    Facts
	LastScan LastScan // zero if there was none
	Prompted bool     // it follows something that the portal asked for, so people wait for it
	At       time.Time
}

// LastScan is the last scan that ended on the device, whoever asked for it.
type LastScan struct {
	FinishedAt time.Time `json:"finished_at"`
	Profile    string    `json:"profile"`
	Outcome    string    `json:"outcome"`
	Files      int64     `json:"files"` // looked at; -1 where the engine does not say
	Infected   int64     `json:"infected"`
	Errors     int64     `json:"errors"`
}

// Observed tells all facts as they are from now on.
type Observed struct {
	Tenant   domain.Tenant   `json:"tenant"`
	Device   domain.DeviceID `json:"device"`
	Facts    Facts           `json:"facts"`
	LastScan LastScan        `json:"last_scan,omitzero"`
	At       time.Time       `json:"at"`
}

// EventType is the stored type name.
func (Observed) EventType() string { return "device.observed" }

// Stream is the device's telemetry.
func (c Observe) Stream() domain.Stream { return TelemetryStream(c.Tenant, c.Device) }

// Needs is the right to speak as a device.
func (c Observe) Needs() domain.Permission { return domain.ActAsDevice }

// Creates is the tenant as a whole.
func (c Observe) Creates() domain.Scope { return domain.Scope{Tenant: c.Tenant} }

// AllowedWhenExpired is there because a client may always say how it is.
func (c Observe) AllowedWhenExpired() {}

// Decide tells facts that have changed. Those that change all the time wait for Coalesce to pass, for another fact to
// change, or for people who asked.
func (c Observe) Decide(s Telemetry) ([]domain.Event, error) {
	facts, err := c.Facts.checked()
	if err != nil {
		return nil, err
	}
	scan := c.LastScan
	scan.FinishedAt = instant(scan.FinishedAt)
	if err := domain.Text("/last_scan/profile", scan.Profile, MaxFact); err != nil {
		return nil, err
	}
	if err := domain.Text("/last_scan/outcome", scan.Outcome, MaxFact); err != nil {
		return nil, err
	}
	moved := moving(facts, scan) != s.moving
	switch {
	case s.tenant == "" || facts.stable() != s.stable:
	case moved && (c.Prompted || c.At.Sub(s.at) >= Coalesce):
	default:
		return nil, nil
	}
	return []domain.Event{Observed{Tenant: c.Tenant, Device: c.Device, Facts: facts, LastScan: scan, At: domain.Instant(c.At)}}, nil
}
