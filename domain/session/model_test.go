package session

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A session begins once and ends once; an attempt that was refused is neither begun nor ended.
func TestSessionAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		was := "" // or begun, ended, refused
		fresh := func() error {
			if was != "" {
				return domain.ErrExists
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				if domaintest.Step(t, &s, Begin{Tenant: tenant, Session: "s1", User: "u1", Method: Password}, fresh()) {
					was = "begun"
				}
			},
			"refuse": func(t *rapid.T) {
				if domaintest.Step(t, &s, Refuse{Tenant: tenant, Attempt: "s1", User: "u1", Reason: WrongPassword}, fresh()) {
					was = "refused"
				}
			},
			"end": func(t *rapid.T) {
				var want error
				if was == "" || was == "refused" {
					want = domain.ErrNotFound
				}
				if domaintest.Step(t, &s, End{Tenant: tenant, Session: "s1", Reason: SignedOut}, want) != (was == "begun") {
					t.Fatalf("ended, though it was %q", was)
				}
				if was == "begun" {
					was = "ended"
				}
			},
			"": func(t *rapid.T) {
				if s.Exists() != (was != "") || s.ended != (was == "ended") || s.refused != (was == "refused") {
					t.Fatalf("the session is %+v, want %q", s, was)
				}
			},
		})
	})
}
