package job

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// However results come in, twice, late or mixed with others, each item keeps the first that was told, and the job ends with the
// last of them and not before.
func TestJobAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []Item
		for i := range rapid.IntRange(1, 6).Draw(t, "items") {
			all = append(all, Item(fmt.Sprint("d", i)))
		}
		accept := Accept{Tenant: tenant, Job: "j1", Order: Order{Action: UpdateDevices}, Items: all, At: at}
		var s State
		there := false
		results := map[Item]Result{}
		t.Repeat(map[string]func(*rapid.T){
			"accept": func(t *rapid.T) {
				if domaintest.Step(t, &s, accept, nil) == there {
					t.Fatalf("accepted, though there before: %v", there)
				}
				there = true
			},
			"progress": func(t *rapid.T) {
				var told []Result
				for range rapid.IntRange(1, 4).Draw(t, "results") {
					told = append(told, Result{Item: rapid.SampledFrom(all).Draw(t, "item"), OK: rapid.Bool().Draw(t, "ok")})
				}
				var want error
				if !there {
					want = domain.ErrNotFound
				}
				before := len(results)
				for _, r := range told {
					if _, done := results[r.Item]; there && !done {
						results[r.Item] = r
					}
				}
				if domaintest.Step(t, &s, Progress{Tenant: tenant, Job: "j1", Results: told, At: at}, want) != (len(results) > before) {
					t.Fatalf("%+v after %d results", told, before)
				}
			},
			"foreign": func(t *rapid.T) {
				if there {
					told := []Result{{Item: "another", OK: true}}
					domaintest.Step(t, &s, Progress{Tenant: tenant, Job: "j1", Results: told, At: at}, domain.ErrInvalid.At("/results/0/item"))
				}
			},
			"": func(t *rapid.T) {
				if there {
					compare(t, s, all, results)
				}
			},
		})
	})
}

func compare(t *rapid.T, s State, all []Item, results map[Item]Result) {
	failed := 0
	for _, r := range s.Results() {
		if r != results[r.Item] {
			t.Fatalf("%s has the result %+v, want %+v", r.Item, r, results[r.Item])
		}
		if !r.OK {
			failed++
		}
	}
	done, total, bad := s.Progress()
	if done != len(results) || total != len(all) || bad != failed || s.Ended() != (done == total) || len(s.Remaining()) != total-done {
		t.Fatalf("%d of %d, %d failed, ended %v; want %d of %d, %d failed", done, total, bad, s.Ended(), len(results), len(all), failed)
	}
}
