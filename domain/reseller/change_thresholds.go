package reseller

import (
	"time"

	"avportal/domain"
)

// ChangeThresholds sets all thresholds at once.
type ChangeThresholds struct {
	Tenant     domain.Tenant
	Thresholds domain.Thresholds
	At         time.Time
}

// ThresholdsChanged tells all thresholds before and after.
type ThresholdsChanged struct {
	From domain.Thresholds `json:"from"`
	To   domain.Thresholds `json:"to"`
}

// EventType is the stored type name.
func (ThresholdsChanged) EventType() string { return "reseller.thresholds_changed" }

// Stream is the reseller's.
func (c ChangeThresholds) Stream() domain.Stream { return Stream(c.Tenant) }

// Needs is the right to change the reseller's settings.
func (c ChangeThresholds) Needs() domain.Permission { return domain.ManageReseller }

// Decide changes what is within bounds and in order.
func (c ChangeThresholds) Decide(s State) ([]domain.Event, error) {
	if !s.Exists() {
		return nil, domain.ErrNotFound
	}
	if err := c.Thresholds.Validate(); err != nil || c.Thresholds == s.thresholds {
		return nil, err
	}
	return []domain.Event{ThresholdsChanged{From: s.thresholds, To: c.Thresholds}}, nil
}
