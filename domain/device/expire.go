package device

import (
	"time"

	"avportal/domain"
)

// Expire gives up what the device has not started in time, and what it has not finished within RequestLifetime after
// it started. The portal sends it by itself.
type Expire struct {
	Tenant domain.Tenant
	Device domain.DeviceID
	At     time.Time
}

// Stream is the device's.
func (c Expire) Stream() domain.Stream { return Stream(c.Tenant, c.Device) }

// Needs is what only the portal itself has.
func (c Expire) Needs() domain.Permission { return domain.OperatePlatform }

// AllowedWhenExpired is there because it only tidies up.
func (c Expire) AllowedWhenExpired() {}

// Decide aborts each request whose time is over.
func (c Expire) Decide(s State) ([]domain.Event, error) {
	if err := s.alive(); err != nil {
		return nil, err
	}
	var events []domain.Event
	for _, p := range s.requests() {
		end, reason := p.ExpiresAt, AbortedByTime
		switch p.phase {
		case sent:
			reason = AbortedBySilence
		case started:
			end, reason = p.startedAt.Add(RequestLifetime), AbortedBySilence
		}
		if !c.At.Before(end) {
			events = append(events, RequestAborted{Device: c.Device, Request: p.ID, Kind: p.Kind, Reason: reason})
		}
	}
	return events, nil
}
