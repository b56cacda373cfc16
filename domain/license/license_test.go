package license

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const (
	tenant = domain.Tenant("00112233445566778899aabbccddeeff")
	lic    = domain.LicenseID("l1")
	main   = domain.GroupID("l1.main")
)

var (
	begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end   = begin.AddDate(1, 0, 0)
	later = begin.AddDate(2, 0, 0)
	at    = begin.AddDate(0, 5, 0)
	key   = domain.NewTID(tenant, lic, [10]byte{1, 2, 3})

	imported = Imported{
		Tenant: tenant, License: lic, Customer: "c1", Name: "Büro", Key: key, Kind: Purchase, Seats: 2,
		TermYears: 1, ValidFrom: begin, ValidUntil: end,
	}
	imports = Import{
		Tenant: tenant, License: lic, Customer: "c1", Name: "Büro", Key: key, Kind: Purchase, Seats: 2,
		TermYears: 1, ValidFrom: begin, ValidUntil: end, At: at,
	}
	msp = Imported{Tenant: tenant, License: lic, Customer: "c1", Name: "MSP", Key: key, Kind: MSP, ValidFrom: begin}
)

func given(t *testing.T, history ...domain.Event) *domaintest.Scenario[State] {
	return domaintest.Given[State](t, append([]domain.Event{imported}, history...)...)
}

func activate(d domain.DeviceID, at time.Time) Activate {
	return Activate{Tenant: tenant, License: lic, Device: d, Group: main, ByDevice: true, At: at}
}

func activated(d domain.DeviceID, used int) Activated {
	return Activated{License: lic, Device: d, Group: main, Used: used}
}

func TestImport(t *testing.T) {
	domaintest.Given[State](t).When(imports).Then(imported).When(imports).ThenNothing()

	open := imports
	open.Kind, open.TermYears, open.Seats, open.ValidUntil, open.Name = MSP, 0, 0, time.Time{}, "MSP"
	domaintest.Given[State](t).When(open).Then(msp).When(open).ThenNothing()
}

func TestImportRefusesWhatIsNoLicense(t *testing.T) {
	for field, spoil := range map[string]func(*Import){
		"/name":        func(c *Import) { c.Name = "" },
		"/term_years":  func(c *Import) { c.TermYears = 4 },
		"/valid_until": func(c *Import) { c.ValidUntil = c.ValidFrom },
		"/valid_from":  func(c *Import) { c.ValidFrom = time.Time{} },
		"/kind":        func(c *Import) { c.Kind = "gift" },
		"/seats":       func(c *Import) { c.Seats = 0 },
		"/key":         func(c *Import) { c.Key = domain.NewTID(tenant, "l2", [10]byte{}) },
		"/license":     func(c *Import) { c.License = "l 1" },
		"/customer":    func(c *Import) { c.Customer = "" },
	} {
		c := imports
		spoil(&c)
		domaintest.Given[State](t).When(c).ThenRefused(domain.ErrInvalid.At(field))
	}
	endless, termed, huge := imports, imports, imports
	endless.ValidUntil = time.Time{}
	termed.Kind = MSP
	huge.Seats = MaxSeats + 1
	domaintest.Given[State](t).When(endless).ThenRefused(domain.ErrInvalid.At("/valid_until"))
	domaintest.Given[State](t).When(termed).ThenRefused(domain.ErrInvalid.At("/term_years"))
	domaintest.Given[State](t).When(huge).ThenRefused(domain.ErrInvalid.At("/seats"))
}

func TestImportAgainTellsWhatChanged(t *testing.T) {
	again := imports
	again.Name, again.Seats, again.ValidUntil, again.TermYears = "Werk", 10, later, 2
	again.Key = domain.NewTID(tenant, lic, [10]byte{9}) // the first one stays
	again.At = end.AddDate(0, 1, 0)                     // and it is welcome after the end
	given(t).When(again).Then(
		Renewed{License: lic, From: end, To: later, TermYears: 2},
		Renamed{License: lic, From: "Büro", To: "Werk"},
		SeatsChanged{License: lic, From: 2, To: 10},
	).When(again).ThenNothing()

	shorter, foreign, other := imports, imports, imports
	shorter.ValidUntil = end.AddDate(0, 0, -1)
	foreign.Customer = "c2"
	other.Kind, other.TermYears = MSP, 0
	given(t).When(shorter).ThenRefused(ErrNotForward)
	given(t).When(foreign).ThenRefused(domain.ErrExists)
	given(t).When(other).ThenRefused(domain.ErrExists)

	smaller := imports
	smaller.Seats = 1
	given(t, activated("d1", 1), activated("d2", 2)).When(smaller).ThenRefused(ErrSeatsInUse)
}

func TestRenew(t *testing.T) {
	renew := Renew{Tenant: tenant, License: lic, TermYears: 1, ValidUntil: later, At: at}
	renewed := Renewed{License: lic, From: end, To: later, TermYears: 1}
	given(t).When(renew).Then(renewed).When(renew).ThenNothing()

	late := renew
	late.At = end.AddDate(0, 3, 0)
	given(t).When(late).Then(renewed).When(activate("d1", late.At)).Then(activated("d1", 1))

	back, endless, odd := renew, renew, renew
	back.ValidUntil = end.Add(-time.Second)
	endless.ValidUntil = time.Time{}
	odd.TermYears = 7
	given(t).When(back).ThenRefused(ErrNotForward)
	given(t).When(endless).ThenRefused(domain.ErrInvalid.At("/valid_until"))
	given(t).When(odd).ThenRefused(domain.ErrInvalid.At("/term_years"))
	domaintest.Given[State](t).When(renew).ThenRefused(domain.ErrNotFound)
}

func TestRenewMSP(t *testing.T) {
	ends := msp
	ends.ValidUntil = end
	open := Renew{Tenant: tenant, License: lic, At: at}
	domaintest.Given[State](t, ends).When(open).Then(Renewed{License: lic, From: end}).When(open).ThenNothing()

	domaintest.Given[State](t, msp).When(Renew{Tenant: tenant, License: lic, ValidUntil: later, At: at}).ThenRefused(ErrNotForward)
	domaintest.Given[State](t, msp).When(Renew{Tenant: tenant, License: lic, TermYears: 1, At: at}).ThenRefused(domain.ErrInvalid.At("/term_years"))
}

func TestChangeSeats(t *testing.T) {
	change := ChangeSeats{Tenant: tenant, License: lic, Seats: 5, At: at}
	given(t, activated("d1", 1)).When(change).Then(SeatsChanged{License: lic, From: 2, To: 5, Used: 1}).When(change).ThenNothing()

	fewer, none, late := change, change, change
	fewer.Seats, none.Seats, late.At = 1, 0, end
	given(t, activated("d1", 1), activated("d2", 2)).When(fewer).ThenRefused(ErrSeatsInUse)
	given(t).When(none).ThenRefused(domain.ErrInvalid.At("/seats"))
	given(t).When(late).ThenRefused(domain.ErrLicenseExpired)
	domaintest.Given[State](t).When(change).ThenRefused(domain.ErrNotFound)
}

func TestRename(t *testing.T) {
	rename := Rename{Tenant: tenant, License: lic, Name: "Werk", At: at}
	given(t).When(rename).Then(Renamed{License: lic, From: "Büro", To: "Werk"}).When(rename).ThenNothing()

	late, nameless := rename, rename
	late.At, nameless.Name = end, "\t"
	given(t).When(late).ThenRefused(domain.ErrLicenseExpired)
	given(t).When(nameless).ThenRefused(domain.ErrInvalid.At("/name"))
	domaintest.Given[State](t).When(rename).ThenRefused(domain.ErrNotFound)
}

func TestActivate(t *testing.T) {
	given(t).When(activate("d1", at)).Then(activated("d1", 1)).When(activate("d2", at)).Then(activated("d2", 2)).
		When(activate("d3", at)).ThenRefused(ErrNoSeats)
	given(t, activated("d1", 1)).When(activate("d1", end)).ThenNothing() // it has its seat, expired or not
	given(t).When(activate("d1", end)).ThenRefused(domain.ErrLicenseExpired)
	given(t).When(activate("d1", end.Add(-1))).Then(activated("d1", 1))
	domaintest.Given[State](t).When(activate("d1", at)).ThenRefused(domain.ErrNotFound)

	foreign := activate("d1", at)
	foreign.Group = "l2.main"
	given(t).When(foreign).ThenRefused(domain.ErrInvalid.At("/group"))
	given(t).When(activate("", at)).ThenRefused(domain.ErrInvalid.At("/device"))
}

func TestMSPHasNoLimitAndNoEnd(t *testing.T) {
	s := domaintest.Given[State](t, msp)
	for i, d := range []domain.DeviceID{"a", "b", "c"} {
		s = s.When(activate(d, at.AddDate(100, 0, 0))).Then(activated(d, i+1))
	}
}

func TestRelease(t *testing.T) {
	release := Release{Tenant: tenant, License: lic, Device: "d1", At: end.AddDate(1, 0, 0)}
	given(t, activated("d1", 1), activated("d2", 2)).When(release).Then(Released{License: lic, Device: "d1", Used: 1}).
		When(release).ThenNothing()
	domaintest.Given[State](t).When(release).ThenRefused(domain.ErrNotFound)
}

func TestWhoMayTakeASeat(t *testing.T) {
	if got := (Activate{ByDevice: true}).Needs(); got != domain.ActAsDevice {
		t.Errorf("a device enrolls with %s", got)
	}
	if got := (Activate{}).Needs(); got != domain.ManageDevices {
		t.Errorf("a person moves with %s", got)
	}
}

func TestStateTellsTheLicense(t *testing.T) {
	s := domaintest.Fold[State](imported, activated("d1", 1))
	want := domain.Standing{Exists: true, Scope: domain.Scope{Tenant: tenant, Customer: "c1"}, Until: end}
	if s.Standing() != want || s.Used() != 1 || s.Seats() != 2 || s.Kind() != Purchase || s.Name() != "Büro" || s.Key() != key {
		t.Errorf("got %+v", s)
	}
	if !s.Accepts(key) || s.Accepts("") || s.Accepts(domain.NewTID(tenant, lic, [10]byte{9})) {
		t.Error("a license accepts its own TID and no other")
	}
}
