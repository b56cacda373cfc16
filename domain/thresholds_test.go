package domain_test

import (
	"errors"
	"testing"
	"time"

	"avportal/domain"
)

func TestThresholds(t *testing.T) {
	if err := domain.DefaultThresholds().Validate(); err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	for field, change := range map[string]func(*domain.Thresholds){
		"/expiring_days":           func(t *domain.Thresholds) { t.ExpiringDays = 0 },
		"/signature_warning_days":  func(t *domain.Thresholds) { t.SignatureWarningDays = -1 },
		"/signature_outdated_days": func(t *domain.Thresholds) { t.SignatureOutdatedDays = t.SignatureWarningDays },
		"/signature_critical_days": func(t *domain.Thresholds) { t.SignatureCriticalDays = t.SignatureOutdatedDays },
		"/offline_minutes":         func(t *domain.Thresholds) { t.OfflineMinutes = 19 },
		"/silent_days":             func(t *domain.Thresholds) { t.OfflineMinutes, t.SilentDays = 24*60, 1 },
		"/stale_days":              func(t *domain.Thresholds) { t.StaleDays = t.SilentDays },
		"/seats_percent":           func(t *domain.Thresholds) { t.SeatsPercent = 101 },
	} {
		wrong := domain.DefaultThresholds()
		change(&wrong)
		var refusal *domain.Error
		if err := wrong.Validate(); !errors.As(err, &refusal) || refusal.Class != domain.Invalid || refusal.Field != field {
			t.Errorf("%s: %+v is refused with %v", field, wrong, err)
		}
	}
}

func TestStandingExpiresAtTheInstantOfItsEnd(t *testing.T) {
	end := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	s := domain.Standing{Until: end}
	if s.ExpiredAt(end.Add(-1)) || !s.ExpiredAt(end) || (domain.Standing{}).ExpiredAt(end) {
		t.Error("a license must hold until just before its end, and for ever without one")
	}
}

func TestInstantIsWhatAStoreCanHold(t *testing.T) {
	at := time.Now().In(time.FixedZone("somewhere", 3600))
	got := domain.Instant(at)
	if got.Location() != time.UTC || got.Nanosecond()%1000 != 0 || at.Sub(got) < 0 || at.Sub(got) >= time.Microsecond {
		t.Errorf("%v became %v", at, got)
	}
}
