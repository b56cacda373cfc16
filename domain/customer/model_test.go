package customer

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A customer keeps the number it came with, has the name that it was given last, and consents or not.
func TestCustomerAgainstAPlainModel(t *testing.T) {
	names, numbers := rapid.SampledFrom([]string{"Huber", "Maier"}), rapid.SampledFrom([]string{"1", "2"})
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var there, logs bool
		var name, number string
		ifThere := func() error {
			if !there {
				return domain.ErrNotFound
			}
			return nil
		}
		t.Repeat(map[string]func(*rapid.T){
			"import": func(t *rapid.T) {
				c := Import{Tenant: tenant, Customer: "c1", Name: names.Draw(t, "name"), Number: numbers.Draw(t, "number")}
				if there && c.Number != number {
					domaintest.Step(t, &s, c, domain.ErrExists.At("/number"))
					return
				}
				if domaintest.Step(t, &s, c, nil) == (there && name == c.Name) {
					t.Fatalf("imported %q over %q", c.Name, name)
				}
				there, name, number = true, c.Name, c.Number
			},
			"rename": func(t *rapid.T) {
				c := Rename{Tenant: tenant, Customer: "c1", Name: names.Draw(t, "name")}
				if domaintest.Step(t, &s, c, ifThere()) {
					name = c.Name
				}
			},
			"consent": func(t *rapid.T) {
				c := ConsentToLogs{Tenant: tenant, Customer: "c1", Allowed: rapid.Bool().Draw(t, "allowed")}
				if changed := domaintest.Step(t, &s, c, ifThere()); changed != (there && logs != c.Allowed) {
					t.Fatalf("consent %v after %v: changed %v", c.Allowed, logs, changed)
				}
				logs = there && c.Allowed
			},
			"": func(t *rapid.T) {
				if s.Exists() != there || s.Name() != name || s.ConsentsToLogs() != logs {
					t.Fatalf("the customer is %+v, want %v %q %v", s, there, name, logs)
				}
			},
		})
	})
}
