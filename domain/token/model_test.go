package token

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A token is made once, and once it is revoked it stays so.
func TestTokenAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var there, revoked bool
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				var want error
				if there {
					want = domain.ErrExists
				}
				domaintest.Step(t, &s, Create{Tenant: tenant, Token: "t1", Name: "PSA", Role: domain.Auditor}, want)
				there = true
			},
			"revoke": func(t *rapid.T) {
				var want error
				if !there {
					want = domain.ErrNotFound
				}
				if domaintest.Step(t, &s, Revoke{Tenant: tenant, Token: "t1"}, want) != (there && !revoked) {
					t.Fatalf("revoked, though so before: %v", revoked)
				}
				revoked = there
			},
			"": func(t *rapid.T) {
				if s.Exists() != there || s.Revoked() != revoked {
					t.Fatalf("the token is %+v, want %v %v", s, there, revoked)
				}
			},
		})
	})
}
