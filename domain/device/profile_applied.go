package device

import (
	"time"

	"avportal/domain"
)

// ProfileApplied says by which settings the client is set from now on, as it tells itself, and by which it was before. The
// zero Configuration is none: those that the client came with.
type ProfileApplied struct {
	Device domain.DeviceID `json:"device"`
	From   Configuration   `json:"from,omitzero"`
	To     Configuration   `json:"to,omitzero"`
	At     time.Time       `json:"at"`
}

// EventType is the stored type name.
func (ProfileApplied) EventType() string { return "device.profile_applied" }

// Applied is the profile that the client is set by, as far as it has told.
func (s State) Applied() Configuration { return s.common().applied }

func (s State) apply(d domain.DeviceID, to Configuration, at time.Time) []domain.Event {
	from := s.Applied()
	if to == from {
		return nil
	}
	return []domain.Event{ProfileApplied{Device: d, From: from, To: to, At: domain.Instant(at)}}
}
