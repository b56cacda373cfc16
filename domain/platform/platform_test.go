package platform

import (
	"strings"
	"testing"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func TestQuarantine(t *testing.T) {
	c := Quarantine{View: "devices", Event: "0e0a1a3c-0000-4000-8000-000000000001", Position: "120/120", Reason: "a device told a date in the year 9999"}
	done := EventQuarantined{View: c.View, Event: c.Event, Position: c.Position, Reason: c.Reason}
	domaintest.Given[View](t).When(c).Then(done).When(c).ThenNothing()
	for field, spoil := range map[string]func(*Quarantine){
		"/reason": func(c *Quarantine) { c.Reason = "" },
		"":        func(c *Quarantine) { c.Event = "" },
	} {
		bad := c
		spoil(&bad)
		domaintest.Given[View](t).When(bad).ThenRefused(domain.ErrInvalid.At(field))
	}
	long := c
	long.Reason = strings.Repeat("x", MaxReason+1)
	domaintest.Given[View](t).When(long).ThenRefused(domain.ErrInvalid.At("/reason"))
}

func TestOnlyOperatorsDecide(t *testing.T) {
	for _, r := range []domain.Role{domain.ResellerAdmin, domain.CustomerAdmin, domain.Auditor, domain.Client} {
		if r.Allows((Quarantine{}).Needs()) {
			t.Errorf("%s may quarantine", r)
		}
	}
	if !(domain.Operator).Allows((Quarantine{}).Needs()) {
		t.Error("an operator may not quarantine")
	}
	if !Tenant.Valid() {
		t.Error("the platform's tenant is none")
	}
}
