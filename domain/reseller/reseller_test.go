package reseller

import (
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at         = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	registered = Registered{Tenant: tenant, Name: "Systemhaus Nord", Language: German}
)

func given(t *testing.T, more ...domain.Event) *domaintest.Scenario[State] {
	return domaintest.Given[State](t, append([]domain.Event{registered}, more...)...)
}

func TestRegister(t *testing.T) {
	register := Register{Tenant: tenant, Name: " Systemhaus Nord ", At: at}
	domaintest.Given[State](t).When(register).Then(registered).When(register).ThenNothing()

	other := register
	other.Name = "Systemhaus Süd"
	given(t).When(other).ThenRefused(domain.ErrExists)

	nameless, speechless, homeless := register, register, register
	nameless.Name, speechless.Language, homeless.Tenant = " ", "fr", "0011-22"
	domaintest.Given[State](t).When(nameless).ThenRefused(domain.ErrInvalid.At("/name"))
	domaintest.Given[State](t).When(speechless).ThenRefused(domain.ErrInvalid.At("/language"))
	domaintest.Given[State](t).When(homeless).ThenRefused(domain.ErrInvalid.At("/tenant"))
}

func TestRename(t *testing.T) {
	rename := Rename{Tenant: tenant, Name: "Nordlicht", At: at}
	given(t).When(rename).Then(Renamed{From: "Systemhaus Nord", To: "Nordlicht"}).When(rename).ThenNothing()
	given(t).When(Rename{Tenant: tenant, Name: strings.Repeat("n", 101), At: at}).ThenRefused(domain.ErrInvalid.At("/name"))
	domaintest.Given[State](t).When(rename).ThenRefused(domain.ErrNotFound)
}

func TestChangeThresholds(t *testing.T) {
	strict := domain.DefaultThresholds()
	strict.ExpiringDays = 60
	change := ChangeThresholds{Tenant: tenant, Thresholds: strict, At: at}
	given(t).When(change).Then(ThresholdsChanged{From: domain.DefaultThresholds(), To: strict}).When(change).ThenNothing()
	given(t).When(ChangeThresholds{Tenant: tenant, Thresholds: domain.DefaultThresholds(), At: at}).ThenNothing()
	given(t).When(ChangeThresholds{Tenant: tenant, At: at}).ThenRefused(domain.ErrInvalid.At("/expiring_days"))
	domaintest.Given[State](t).When(change).ThenRefused(domain.ErrNotFound)
}

func TestStateTellsTheReseller(t *testing.T) {
	s := domaintest.Fold[State](registered, Renamed{To: "Nordlicht"})
	if s.Scope() != (domain.Scope{Tenant: tenant}) || s.Name() != "Nordlicht" || s.Language() != German || s.Thresholds() != domain.DefaultThresholds() {
		t.Errorf("got %+v", s)
	}
}

func TestTheQuestionOfTheDefaultProfileIsAnsweredOnce(t *testing.T) {
	convert := Convert{Tenant: tenant, Profile: "p1", Jobs: []string{"j1"}, At: at}
	decline := DeclineConversion{Tenant: tenant, At: at}
	sc := given(t).When(convert).Then(Converted{Profile: "p1", Jobs: []string{"j1"}})
	sc.When(convert).ThenNothing()
	sc.When(decline).ThenRefused(ErrConversionClosed)
	other := convert
	other.Profile = "p2"
	sc.When(other).ThenRefused(ErrConversionClosed)
	no := given(t).When(decline).Then(ConversionDeclined{Tenant: tenant})
	no.When(decline).ThenNothing()
	no.When(convert).ThenRefused(ErrConversionClosed)
	domaintest.Given[State](t).When(convert).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(decline).ThenRefused(domain.ErrNotFound)
	if c := domaintest.Fold[State](registered, ConversionDeclined{}).Conversion(); c == nil || !c.Declined {
		t.Errorf("got %+v", c)
	}
}
