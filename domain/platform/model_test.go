package platform

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A view leaves out a set of events, which only grows. What was decided for one history says nothing of another that begins like it.
func TestQuarantineAgainstAPlainModel(t *testing.T) {
	ids := []string{"e1", "e2", "e3", "e4"}
	events, reasons := rapid.SampledFrom(ids), rapid.SampledFrom([]string{"", "poison"})
	rapid.Check(t, func(t *rapid.T) {
		var v View
		out := map[string]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"quarantine": func(t *rapid.T) {
				c := Quarantine{View: "devices", Event: events.Draw(t, "event"), Position: "1/1", Reason: reasons.Draw(t, "reason")}
				if c.Reason == "" {
					domaintest.Step(t, &v, c, domain.ErrInvalid.At("/reason"))
					return
				}
				if domaintest.Step(t, &v, c, nil) == out[c.Event] {
					t.Fatalf("%s was left out, though so before: %v", c.Event, out[c.Event])
				}
				out[c.Event] = true
			},
			"another history": func(t *rapid.T) { _ = v.Evolve(EventQuarantined{Event: "elsewhere"}) },
			"": func(t *rapid.T) {
				for _, id := range append(ids, "elsewhere") {
					if v.leavesOut(id) != out[id] {
						t.Fatalf("%s is left out: %v, want %v", id, v.leavesOut(id), out[id])
					}
				}
			},
		})
	})
}
