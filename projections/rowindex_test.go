package projections

import (
	"testing"

	"pgregory.net/rapid"
)

// Whatever comes and goes, the index holds what a map would hold. Few different hashes make long runs of collisions.
func TestRowIndexIsAMap(t *testing.T) {
	set := guests().(*tableSet[guest, guestKey])
	rapid.Check(t, func(t *rapid.T) {
		x, model := newRowIndex[guest, guestKey](set.key), map[string]*entry[guest]{}
		id := rapid.StringMatching(`[a-e]{0,2}`)
		var gone []*entry[guest]
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				k := id.Draw(t, "id")
				if model[k] != nil {
					t.Skip("is there")
				}
				e := &entry[guest]{row: guest{guestKey: guestKey{k}}}
				x.add(e)
				model[k] = e
			},
			"remove": func(t *rapid.T) {
				k := id.Draw(t, "id")
				if model[k] == nil {
					t.Skip("is not there")
				}
				if !x.remove(model[k]) {
					t.Fatalf("%q was not there", k)
				}
				gone = append(gone, model[k])
				delete(model, k)
			},
			"remove what is gone": func(t *rapid.T) {
				if len(gone) == 0 {
					t.Skip("nothing is")
				}
				if x.remove(rapid.SampledFrom(gone).Draw(t, "gone")) {
					t.Fatal("it was there again")
				}
			},
			"clear": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "odds") == 0 {
					x.clear()
					clear(model)
				}
			},
			"": func(t *rapid.T) {
				if x.rows != len(model) {
					t.Fatalf("%d rows instead of %d", x.rows, len(model))
				}
				for _, a := range []string{"", "a", "b", "c", "d", "e"} {
					for _, b := range []string{"", "a", "b", "c", "d", "e"} {
						if k := a + b; x.find(guestKey{k}) != model[k] {
							t.Fatalf("found %+v of %q instead of %+v", x.find(guestKey{k}), k, model[k])
						}
					}
				}
			},
		})
	})
}
