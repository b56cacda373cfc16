package group

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
)

// forest is the plain model: parents, names and places, checked by brute force after each step.
type forest struct {
	state  State
	parent map[domain.GroupID]domain.GroupID
	name   map[domain.GroupID]string
	stands map[domain.DeviceID]domain.GroupID
	uses   map[domain.GroupID]domain.ProfileID
}

func (f *forest) do(t *rapid.T, c domain.Command[State]) bool {
	events, err := c.Decide(f.state)
	var refusal *domain.Error
	if err != nil && !errors.As(err, &refusal) {
		t.Fatalf("%+v: %v is not a refusal", c, err)
	}
	for _, e := range events {
		f.state = f.state.Evolve(e)
	}
	return err == nil
}

func (f *forest) below(g, top domain.GroupID) bool {
	for ; g != ""; g = f.parent[g] {
		if g == top {
			return true
		}
	}
	return false
}

func (f *forest) free(parent, self domain.GroupID, name string) bool {
	for g, p := range f.parent {
		if p == parent && g != self && strings.EqualFold(f.name[g], name) {
			return false
		}
	}
	return true
}

func (f *forest) empty(g domain.GroupID) bool {
	for _, p := range f.parent {
		if p == g {
			return false
		}
	}
	for _, at := range f.stands {
		if at == g {
			return false
		}
	}
	return true
}

func (f *forest) has(g domain.GroupID) bool { _, ok := f.parent[g]; return ok }

func agree(t *rapid.T, what string, done, want bool) bool {
	if done != want {
		t.Fatalf("%s: accepted is %v, want %v", what, done, want)
	}
	return done
}

// Whatever is done in whatever order, the tree stays a tree and each device stands in one place.
func TestTreeAgainstAPlainModel(t *testing.T) {
	groups := []domain.GroupID{main, "l1.a", "l1.b", "l1.c", "l1.d", "l1.e"}
	rapid.Check(t, func(t *rapid.T) {
		f := &forest{
			State{}.Evolve(planted), map[domain.GroupID]domain.GroupID{main: ""}, map[domain.GroupID]string{main: "Büro"},
			map[domain.DeviceID]domain.GroupID{}, map[domain.GroupID]domain.ProfileID{},
		}
		group := rapid.SampledFrom(groups)
		device := rapid.SampledFrom([]domain.DeviceID{"x", "y", "z"})
		name := rapid.SampledFrom([]string{"Nord", "NORD", "Ost", "Büro", "büro"})
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				g, p, n := group.Draw(t, "group"), group.Draw(t, "parent"), name.Draw(t, "name")
				same := f.has(g) && g != main && f.parent[g] == p && f.name[g] == n
				if agree(t, "create", f.do(t, create(g, p, n)), same || !f.has(g) && f.has(p) && f.free(p, g, n)) {
					f.parent[g], f.name[g] = p, n
				}
			},
			"rename": func(t *rapid.T) {
				g, n := group.Draw(t, "group"), name.Draw(t, "name")
				if agree(t, "rename", f.do(t, Rename{Tenant: tenant, Group: g, Name: n}), f.has(g) && (f.name[g] == n || f.free(f.parent[g], g, n))) {
					f.name[g] = n
				}
			},
			"move": func(t *rapid.T) {
				g, to := group.Draw(t, "group"), group.Draw(t, "to")
				want := f.has(g) && f.has(to) && g != main && (f.parent[g] == to || !f.below(to, g) && f.free(to, g, f.name[g]))
				if agree(t, "move", f.do(t, Move{Tenant: tenant, Group: g, To: to}), want) {
					f.parent[g] = to
				}
			},
			"delete": func(t *rapid.T) {
				g := group.Draw(t, "group")
				if agree(t, "delete", f.do(t, Delete{Tenant: tenant, Group: g}), f.has(g) && g != main && f.empty(g)) {
					delete(f.parent, g)
					delete(f.name, g)
					delete(f.uses, g)
				}
			},
			"choose profile": func(t *rapid.T) {
				profile := rapid.SampledFrom([]domain.ProfileID{"", "p1", "p2"})
				link := rapid.SampledFrom([]domain.LinkID{"", "k", "l"})
				g, from, to, by := group.Draw(t, "group"), link.Draw(t, "from"), profile.Draw(t, "to"), link.Draw(t, "link")
				_, now := f.state.Profile(g)
				same := f.uses[g] == to
				want := f.has(g) && (same || now == from && (to == "" || by != ""))
				if to == "" {
					by = ""
				}
				if agree(t, "choose", f.do(t, ChooseProfile{Tenant: tenant, Group: g, From: from, To: to, Link: by}), want) {
					f.uses[g] = to
				}
			},
			"add device": func(t *rapid.T) {
				d, g := device.Draw(t, "device"), group.Draw(t, "group")
				at, member := f.stands[d]
				if agree(t, "add", f.do(t, AddDevice{Tenant: tenant, Device: d, Group: g}), f.has(g) && (!member || at == g)) {
					f.stands[d] = g
				}
			},
			"move device": func(t *rapid.T) {
				d, g := device.Draw(t, "device"), group.Draw(t, "group")
				_, member := f.stands[d]
				if agree(t, "move device", f.do(t, MoveDevice{Tenant: tenant, Device: d, To: g}), member && f.has(g)) {
					f.stands[d] = g
				}
			},
			"remove device": func(t *rapid.T) {
				d := device.Draw(t, "device")
				agree(t, "remove", f.do(t, RemoveDevice{Tenant: tenant, License: "l1", Device: d}), true)
				delete(f.stands, d)
			},
			"": func(t *rapid.T) { f.compare(t) },
		})
	})
}

func (f *forest) compare(t *rapid.T) {
	if len(f.state.tree) != len(f.parent) {
		t.Fatalf("%d groups, the model has %d", len(f.state.tree), len(f.parent))
	}
	for g, p := range f.parent {
		if n := f.state.tree[g]; n.parent != p || n.name != f.name[g] || n.profile != f.uses[g] || (n.link != "") != (n.profile != "") {
			t.Fatalf("%s is %+v; the model has %s below %s", g, n, f.name[g], p)
		}
		if !f.below(g, main) {
			t.Fatalf("%s hangs from nothing", g)
		}
	}
	if fmt.Sprint(f.state.members.group) != fmt.Sprint(f.stands) {
		t.Fatalf("devices stand at %v; the model has %v", f.state.members.group, f.stands)
	}
	count := map[domain.GroupID]int{}
	for _, g := range f.stands {
		count[g]++
	}
	if fmt.Sprint(f.state.members.count) != fmt.Sprint(count) {
		t.Fatalf("counts %v; the model has %v", f.state.members.count, count)
	}
}
