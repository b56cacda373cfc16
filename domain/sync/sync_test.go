package sync

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestASynchronization(t *testing.T) {
	start := Start{Tenant: tenant, Sync: "r1", Trigger: Daily, At: at}
	finish := Finish{Tenant: tenant, Sync: "r1", Outcome: Outcome{Accounts: 3, Licenses: 4, Changed: 2, Refused: 1}, At: at}
	started := Started{Tenant: tenant, Sync: "r1", Trigger: Daily}
	domaintest.Given[State](t).When(start).Then(started).When(start).ThenNothing()
	domaintest.Given[State](t, started).When(finish).Then(Finished{Sync: "r1", Outcome: finish.Outcome}).When(finish).ThenNothing()
	domaintest.Given[State](t).When(finish).ThenRefused(domain.ErrNotFound)
	domaintest.Given[State](t).When(Start{Tenant: tenant, Sync: "r 1"}).ThenRefused(domain.ErrInvalid.At("/sync"))
}

func TestItConcernsTheResellerAsAWhole(t *testing.T) {
	if got := domaintest.Fold[State](Started{Tenant: tenant, Sync: "r1"}).Scope(); got != (domain.Scope{Tenant: tenant}) {
		t.Errorf("the scope is %+v", got)
	}
	if (Start{}).Creates().Customer != "" || domain.CustomerAdmin.Allows((Start{}).Needs()) || !domain.System.Allows((Finish{}).Needs()) {
		t.Error("the wrong ones may synchronize")
	}
}
