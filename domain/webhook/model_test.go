package webhook

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// Webhooks are a list in which each is by itself: it is set, switched off and on, signs with one secret or for a day with two, and
// goes.
func TestWebhooksAgainstAPlainModel(t *testing.T) {
	ids, names := rapid.SampledFrom([]ID{"w1", "w2", "w3"}), rapid.SampledFrom([]string{"PSA", "Ticket"})
	secrets, reasons := rapid.SampledFrom([]SecretID{"k1", "k2", "k3"}), rapid.SampledFrom([]Reason{ByPerson, Failing, Gone})
	rapid.Check(t, func(t *rapid.T) {
		var s State
		hooks, now := map[ID]*Webhook{}, at
		known := func(id ID) error {
			if hooks[id] == nil {
				return domain.ErrNotFound
			}
			return nil
		}
		draw := func(t *rapid.T) (ID, Settings) {
			chosen := settings
			chosen.Name = names.Draw(t, "name")
			return ids.Draw(t, "id"), chosen
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				id, chosen := draw(t)
				var want error
				if hooks[id] != nil {
					want = domain.ErrExists
				}
				c := Create{Tenant: tenant, Webhook: id, Settings: chosen, Secret: secrets.Draw(t, "secret"), At: now}
				if domaintest.Step(t, &s, c, want) {
					hooks[id] = &Webhook{ID: id, Settings: chosen, CreatedAt: now, Secret: c.Secret}
				}
			},
			"change": func(t *rapid.T) {
				id, chosen := draw(t)
				if domaintest.Step(t, &s, Change{Tenant: tenant, Webhook: id, Settings: chosen, At: now}, known(id)) {
					hooks[id].Settings = chosen
				}
			},
			"change secret": func(t *rapid.T) {
				c := ChangeSecret{Tenant: tenant, Webhook: ids.Draw(t, "id"), Secret: secrets.Draw(t, "secret"), At: now}
				if w := hooks[c.Webhook]; domaintest.Step(t, &s, c, known(c.Webhook)) {
					w.Previous, w.Secret, w.RotatedAt = w.Secret, c.Secret, now
				}
			},
			"disable": func(t *rapid.T) {
				c := Disable{Tenant: tenant, Webhook: ids.Draw(t, "id"), Reason: reasons.Draw(t, "reason"), At: now}
				if domaintest.Step(t, &s, c, known(c.Webhook)) {
					hooks[c.Webhook].Disabled = c.Reason
				}
			},
			"enable": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				off := hooks[id] != nil && hooks[id].Disabled != ""
				if domaintest.Step(t, &s, Enable{Tenant: tenant, Webhook: id, At: now}, known(id)) != off {
					t.Fatalf("%s was switched on, though off before: %v", id, off)
				}
				if off {
					hooks[id].Disabled = ""
				}
			},
			"remove": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				if domaintest.Step(t, &s, Remove{Tenant: tenant, Webhook: id, At: now}, known(id)) {
					delete(hooks, id)
				}
			},
			"time passes": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 30).Draw(t, "hours")) * time.Hour) },
			"": func(t *rapid.T) {
				if len(s.All()) != len(hooks) {
					t.Fatalf("%d webhooks, want %d", len(s.All()), len(hooks))
				}
				for id, want := range hooks {
					got, there := s.Get(id)
					if !there || !reflect.DeepEqual(got, *want) {
						t.Fatalf("the webhook is %+v, want %+v", got, *want)
					}
					two := want.Previous != "" && now.Sub(want.RotatedAt) < Overlap
					if n := len(got.Secrets(now)); n != map[bool]int{false: 1, true: 2}[two] {
						t.Fatalf("%d secrets at %s of %+v", n, now, got)
					}
				}
			},
		})
	})
}
