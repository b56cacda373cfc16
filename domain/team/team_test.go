package team

import (
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/domaintest"
)

const tenant = domain.Tenant("00112233445566778899aabbccddeeff")

func TestSomebodyAlwaysRemains(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	join := func(u domain.UserID) Join { return Join{Tenant: tenant, User: u, At: at} }
	leave := func(u domain.UserID) Leave { return Leave{Tenant: tenant, User: u, At: at} }
	first, second := Joined{Tenant: tenant, User: "u1"}, Joined{Tenant: tenant, User: "u2"}
	domaintest.Given[State](t).When(join("u1")).Then(first).When(join("u1")).ThenNothing()
	domaintest.Given[State](t, first).When(leave("u1")).ThenRefused(ErrLast)
	domaintest.Given[State](t, first, second).When(leave("u1")).Then(Left{User: "u1"}).When(leave("u2")).ThenRefused(ErrLast)
	domaintest.Given[State](t, first).When(leave("u9")).ThenNothing()
	domaintest.Given[State](t).When(leave("u9")).ThenNothing()
}
