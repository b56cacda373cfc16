package domain

// Thresholds say from when on a state of affairs is shown as one that needs attention. A reseller may set its own.
type Thresholds struct {
	ExpiringDays          int `json:"expiring_days"`           // a license that ends within so many days is about to expire
	SignatureWarningDays  int `json:"signature_warning_days"`  // signatures older than this: warning
	SignatureOutdatedDays int `json:"signature_outdated_days"` // ... not up to date
	SignatureCriticalDays int `json:"signature_critical_days"` // ... critical
	OfflineMinutes        int `json:"offline_minutes"`         // not heard of for so long: offline
	SilentDays            int `json:"silent_days"`             // ... warning
	StaleDays             int `json:"stale_days"`              // ... stale
	SeatsPercent          int `json:"seats_percent"`           // this share of the seats in use: nearly used up
}

// DefaultThresholds hold until a reseller sets others. Devices call every 20 minutes and look for signatures as often,
// so 60 minutes are three missed calls.
func DefaultThresholds() Thresholds {
	return Thresholds{
		ExpiringDays:         30,
		SignatureWarningDays: 3, SignatureOutdatedDays: 7, SignatureCriticalDays: 14,
		OfflineMinutes: 60, SilentDays: 14, StaleDays: 30,
		SeatsPercent: 90,
	}
}

// Validate refuses thresholds that are out of bounds or out of order; the error names the field.
func (t Thresholds) Validate() error {
	for _, f := range []struct {
		name            string
		value, min, max int
	}{
		{"expiring_days", t.ExpiringDays, 1, 365},
		{"signature_warning_days", t.SignatureWarningDays, 1, 365},
		{"signature_outdated_days", t.SignatureOutdatedDays, 1, 365},
		{"signature_critical_days", t.SignatureCriticalDays, 1, 365},
		{"offline_minutes", t.OfflineMinutes, 20, 7 * 24 * 60},
		{"silent_days", t.SilentDays, 1, 365},
		{"stale_days", t.StaleDays, 1, 730},
		{"seats_percent", t.SeatsPercent, 1, 100},
	} {
		if f.value < f.min || f.value > f.max {
			return ErrInvalid.At("/"+f.name).With("%s must be between %d and %d; it is %d.", f.name, f.min, f.max, f.value)
		}
	}
	switch {
	case t.SignatureOutdatedDays <= t.SignatureWarningDays:
		return ErrInvalid.At("/signature_outdated_days").With("signature_outdated_days must be more than signature_warning_days.")
	case t.SignatureCriticalDays <= t.SignatureOutdatedDays:
		return ErrInvalid.At("/signature_critical_days").With("signature_critical_days must be more than signature_outdated_days.")
	case t.SilentDays*24*60 <= t.OfflineMinutes:
		return ErrInvalid.At("/silent_days").With("silent_days must be longer than offline_minutes.")
	case t.StaleDays <= t.SilentDays:
		return ErrInvalid.At("/stale_days").With("stale_days must be more than silent_days.")
	}
	return nil
}
