package mail

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at   = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	send = Conclude{Tenant: tenant, Customer: "c1", Mail: "m1", Kind: Invitation, User: "u1", At: at}
	sent = Sent{Tenant: tenant, Customer: "c1", Mail: "m1", Kind: Invitation, User: "u1"}
)

func TestAMessageIsConcludedOnce(t *testing.T) {
	giveUp := send
	giveUp.Failure = "550 5.1.1"
	failed := Failed{Tenant: tenant, Customer: "c1", Mail: "m1", Kind: Invitation, User: "u1", Reason: "550 5.1.1"}
	domaintest.Given[State](t).When(send).Then(sent).When(giveUp).ThenNothing()
	domaintest.Given[State](t).When(giveUp).Then(failed).When(send).ThenNothing()
	strange := send
	strange.Mail = "m 1"
	domaintest.Given[State](t).When(strange).ThenRefused(domain.ErrInvalid.At("/mail"))
	if s := domaintest.Fold[State](failed); !s.GivenUp() || !s.Exists() || s.Scope() != send.Creates() {
		t.Errorf("given up: %+v", s)
	}
	if s := domaintest.Fold[State](sent); s.GivenUp() || !s.Exists() {
		t.Errorf("sent: %+v", s)
	}
}

func TestOnlyThePortalSendsMail(t *testing.T) {
	for _, r := range []domain.Role{domain.ResellerAdmin, domain.CustomerAdmin, domain.Auditor, domain.Client} {
		if r.Allows(send.Needs()) {
			t.Errorf("a %s may say that a message was sent", r)
		}
	}
}
