package customer

import (
	"testing"

	"avportal/domain"
	"avportal/domain/domaintest"
)

func TestConsentToLogs(t *testing.T) {
	yes := ConsentToLogs{Tenant: tenant, Customer: "c1", Allowed: true, At: at}
	no := ConsentToLogs{Tenant: tenant, Customer: "c1", At: at}
	given, ended := LogConsentGiven{Customer: "c1"}, LogConsentEnded{Customer: "c1"}
	domaintest.Given[State](t, imported).When(no).ThenNothing()
	domaintest.Given[State](t, imported).When(yes).Then(given).When(no).Then(ended).When(yes).Then(given)
	domaintest.Given[State](t, imported, given).When(yes).ThenNothing()
	domaintest.Given[State](t).When(yes).ThenRefused(domain.ErrNotFound)
	if domaintest.Fold[State](imported).ConsentsToLogs() || !domaintest.Fold[State](imported, given).ConsentsToLogs() || domaintest.Fold[State](imported, given, ended).ConsentsToLogs() {
		t.Error("the customer's word is not what he said last, or not no by default")
	}
}

// The reseller must not consent for the customer.
func TestWhoConsents(t *testing.T) {
	for _, r := range []domain.Role{
		domain.ResellerAdmin, domain.ResellerTechnician, domain.ResellerReadOnly, domain.CustomerReadOnly, domain.Auditor, domain.Client,
	} {
		if r.Allows(ConsentToLogs{}.Needs()) {
			t.Errorf("%s may consent", r)
		}
	}
	if !domain.CustomerAdmin.Allows(ConsentToLogs{}.Needs()) {
		t.Error("the customer's administrator may not consent")
	}
}
