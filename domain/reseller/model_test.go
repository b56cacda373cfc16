package reseller

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A reseller is registered once, has the name and the thresholds that it was given last, and answers the question of the default
// profile once.
func TestResellerAgainstAPlainModel(t *testing.T) {
	names := rapid.SampledFrom([]string{"Systemhaus", "Nordlicht"})
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var there bool
		var name, answer string // of the conversion: "", "declined" or the profile
		thresholds := domain.Thresholds{}
		known := func() error {
			if !there {
				return domain.ErrNotFound
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"register": func(t *rapid.T) {
				c := Register{Tenant: tenant, Name: names.Draw(t, "name")}
				var want error
				if there && c.Name != name {
					want = domain.ErrExists
				}
				if domaintest.Step(t, &s, c, want) {
					there, name, thresholds = true, c.Name, domain.DefaultThresholds()
				}
			},
			"rename": func(t *rapid.T) {
				c := Rename{Tenant: tenant, Name: names.Draw(t, "name")}
				if domaintest.Step(t, &s, c, known()) {
					name = c.Name
				}
			},
			"change thresholds": func(t *rapid.T) {
				c := ChangeThresholds{Tenant: tenant, Thresholds: domain.DefaultThresholds()}
				c.Thresholds.SilentDays = rapid.IntRange(1, 3).Draw(t, "days")
				var want error
				if there {
					want = c.Thresholds.Validate()
				} else {
					want = domain.ErrNotFound
				}
				if domaintest.Step(t, &s, c, want) {
					thresholds = c.Thresholds
				}
			},
			"convert": func(t *rapid.T) {
				p := rapid.SampledFrom([]domain.ProfileID{"p1", "p2"}).Draw(t, "profile")
				want := known()
				if want == nil && answer != "" && answer != string(p) {
					want = ErrConversionClosed
				}
				if domaintest.Step(t, &s, Convert{Tenant: tenant, Profile: p}, want) {
					answer = string(p)
				}
			},
			"decline": func(t *rapid.T) {
				want := known()
				if want == nil && answer != "" && answer != "declined" {
					want = ErrConversionClosed
				}
				if domaintest.Step(t, &s, DeclineConversion{Tenant: tenant}, want) {
					answer = "declined"
				}
			},
			"": func(t *rapid.T) {
				got := ""
				if c := s.Conversion(); c != nil && c.Declined {
					got = "declined"
				} else if c != nil {
					got = string(c.Profile)
				}
				if s.Exists() != there || s.Name() != name || s.Thresholds() != thresholds || got != answer {
					t.Fatalf("the reseller is %+v, want %v %q %+v %q", s, there, name, thresholds, answer)
				}
			},
		})
	})
}
