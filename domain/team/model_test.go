package team

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// The team is a set that, once it has members, is never empty again.
func TestTeamAgainstAPlainModel(t *testing.T) {
	people := rapid.SampledFrom([]domain.UserID{"u1", "u2", "u3", "u4"})
	rapid.Check(t, func(t *rapid.T) {
		var s State
		members := map[domain.UserID]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(t *rapid.T) {
				u := people.Draw(t, "who")
				if domaintest.Step(t, &s, Join{Tenant: tenant, User: u}, nil) == members[u] {
					t.Fatalf("%s joined, though a member before: %v", u, members[u])
				}
				members[u] = true
			},
			"leave": func(t *rapid.T) {
				u := people.Draw(t, "who")
				var want error
				if members[u] && len(members) == 1 {
					want = ErrLast
				}
				if domaintest.Step(t, &s, Leave{Tenant: tenant, User: u}, want) {
					delete(members, u)
				}
			},
			"": func(t *rapid.T) {
				for _, u := range []domain.UserID{"u1", "u2", "u3", "u4"} {
					if s.Has(u) != members[u] {
						t.Fatalf("%s is a member: %v, want %v", u, s.Has(u), members[u])
					}
				}
			},
		})
	})
}
