package token

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

func TestATokenIsMadeAndRevokedOnce(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	create := Create{Tenant: tenant, Customer: "c1", Token: "t1", Name: " PSA ", Role: domain.Auditor, Lifetime: time.Hour, At: at}
	created := Created{Tenant: tenant, Customer: "c1", Token: "t1", Name: "PSA", Role: domain.Auditor, ExpiresAt: at.Add(time.Hour)}
	revoke := Revoke{Tenant: tenant, Token: "t1", At: at}
	domaintest.Given[State](t).When(create).Then(created).When(create).ThenRefused(domain.ErrExists)
	domaintest.Given[State](t, created).When(revoke).Then(Revoked{Token: "t1"}).When(revoke).ThenNothing()
	domaintest.Given[State](t).When(revoke).ThenRefused(domain.ErrNotFound)

	usual := create
	usual.Lifetime = 0
	long := created
	long.ExpiresAt = at.Add(DefaultLifetime)
	domaintest.Given[State](t).When(usual).Then(long)
	for _, wrong := range []time.Duration{-1, MaxLifetime + 1} {
		usual.Lifetime = wrong
		domaintest.Given[State](t).When(usual).ThenRefused(domain.ErrInvalid.At("/days"))
	}
	nameless := create
	nameless.Name = ""
	domaintest.Given[State](t).When(nameless).ThenRefused(domain.ErrInvalid.At("/name"))
}
