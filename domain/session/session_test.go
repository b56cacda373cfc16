package session

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

var (
	at     = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	begin  = Begin{Tenant: tenant, Customer: "c1", Session: "s1", User: "u1", Role: domain.CustomerAdmin, Method: Password, At: at}
	begun  = Begun{Tenant: tenant, Customer: "c1", Session: "s1", User: "u1", Role: domain.CustomerAdmin, Method: Password}
	refuse = Refuse{Tenant: tenant, Attempt: "a1", User: "u1", Method: Password, Reason: WrongPassword, At: at}
)

func TestBegin(t *testing.T) {
	domaintest.Given[State](t).When(begin).Then(begun).When(begin).ThenRefused(domain.ErrExists)
	nobody, strange := begin, begin
	nobody.User, strange.Session = "", "s 1"
	domaintest.Given[State](t).When(nobody).ThenRefused(domain.ErrInvalid.At("/user"))
	domaintest.Given[State](t).When(strange).ThenRefused(domain.ErrInvalid.At("/session"))
}

func TestEnd(t *testing.T) {
	end := End{Tenant: tenant, Session: "s1", Reason: SignedOut, At: at}
	domaintest.Given[State](t, begun).When(end).Then(Ended{Session: "s1", User: "u1", Reason: SignedOut}).When(end).ThenNothing()
	domaintest.Given[State](t).When(end).ThenRefused(domain.ErrNotFound)
}

func TestRefuse(t *testing.T) {
	refused := Refused{Tenant: tenant, Attempt: "a1", User: "u1", Method: Password, Reason: WrongPassword}
	domaintest.Given[State](t).When(refuse).Then(refused).When(refuse).ThenRefused(domain.ErrExists)
	domaintest.Given[State](t, refused).When(End{Tenant: tenant, Session: "a1", At: at}).ThenRefused(domain.ErrNotFound)
}

func TestOnlyThePortalSignsIn(t *testing.T) {
	for _, c := range []interface{ Needs() domain.Permission }{begin, End{}, refuse} {
		for _, r := range []domain.Role{domain.ResellerAdmin, domain.CustomerAdmin, domain.Auditor, domain.Client} {
			if r.Allows(c.Needs()) {
				t.Errorf("a %s may carry out %T", r, c)
			}
		}
		if !domain.System.Allows(c.Needs()) {
			t.Errorf("the portal may not carry out %T", c)
		}
	}
	if got := domaintest.Fold[State](begun).Scope(); got != (domain.Scope{Tenant: tenant, Customer: "c1"}) {
		t.Errorf("the scope is %+v", got)
	}
}
