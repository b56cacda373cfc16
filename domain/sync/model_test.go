package sync

import (
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// A synchronization starts once and finishes once, with what it came to first.
func TestSyncAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s State
		var started, finished bool
		t.Repeat(map[string]func(*rapid.T){
			"start": func(t *rapid.T) {
				if domaintest.Step(t, &s, Start{Tenant: tenant, Sync: "r1", Trigger: Daily}, nil) == started {
					t.Fatalf("started, though so before: %v", started)
				}
				started = true
			},
			"finish": func(t *rapid.T) {
				var want error
				if !started {
					want = domain.ErrNotFound
				}
				c := Finish{Tenant: tenant, Sync: "r1", Outcome: Outcome{Changed: rapid.IntRange(0, 9).Draw(t, "changed")}}
				if domaintest.Step(t, &s, c, want) != (started && !finished) {
					t.Fatalf("finished, though so before: %v", finished)
				}
				finished = started
			},
			"": func(t *rapid.T) {
				if (s.Scope().Tenant != "") != started || s.finished != finished {
					t.Fatalf("the synchronization is %+v, want %v %v", s, started, finished)
				}
			},
		})
	})
}
