package device

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// plain is a device as anybody would write it down.
type plain struct {
	there, gone bool
	guid        string
	group       domain.GroupID
	label       string
	guards      Guards
	open, over  map[string]bool // threats
}

// alive is what most commands are refused with.
func (p *plain) alive() error {
	switch {
	case !p.there:
		return domain.ErrNotFound
	case p.gone:
		return ErrRemoved
	}
	return nil
}

// A device stands in one group, tells its guards, has the threats that it told last, and is gone for good when it was removed.
// What it is asked to do has a model of its own.
func TestDeviceAgainstAPlainModel(t *testing.T) {
	groups := rapid.SampledFrom([]domain.GroupID{"l1.main", "l1.g", "l2.main"})
	labels, guids := rapid.SampledFrom([]string{"", "Empfang", "Labor"}), rapid.SampledFrom([]string{"g1", "g2"})
	guard := rapid.SampledFrom([]Guard{Absent, Off, On})
	customer := func(g domain.GroupID) domain.CustomerID { return domain.CustomerID("c of " + g.License()) }
	rapid.Check(t, func(t *rapid.T) {
		var s State
		m := plain{open: map[string]bool{}, over: map[string]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"enroll": func(t *rapid.T) {
				c := Enroll{Tenant: tenant, Device: "d1", GUID: guids.Draw(t, "guid"), Group: groups.Draw(t, "group"), Facts: Facts{Hostname: "PC-1"}}
				c.Customer = customer(c.Group)
				var want error
				switch {
				case m.gone:
					want = ErrRemoved
				case m.there && (c.GUID != m.guid || c.Group.License() != m.group.License()):
					want = domain.ErrExists
				}
				if domaintest.Step(t, &s, c, want) {
					m.there, m.guid, m.group = true, c.GUID, c.Group
				}
			},
			"move": func(t *rapid.T) {
				c := Move{Tenant: tenant, Device: "d1", ToGroup: groups.Draw(t, "group")}
				c.ToCustomer = customer(c.ToGroup)
				if want := m.alive(); domaintest.Step(t, &s, c, want) != (want == nil && c.ToGroup != m.group) {
					t.Fatalf("moved from %s to %s", m.group, c.ToGroup)
				} else if want == nil {
					m.group = c.ToGroup
				}
			},
			"relabel": func(t *rapid.T) {
				c := Relabel{Tenant: tenant, Device: "d1", Label: labels.Draw(t, "label")}
				if domaintest.Step(t, &s, c, m.alive()) {
					m.label = c.Label
				}
			},
			"report": func(t *rapid.T) {
				c := Report{Tenant: tenant, Device: "d1", Complete: rapid.Bool().Draw(t, "complete"), Guards: Guards{Engine: guard.Draw(t, "engine"), Mail: guard.Draw(t, "mail")}}
				for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 4), 0, 4, rapid.ID).Draw(t, "threats") {
					c.Threats = append(c.Threats, Threat{ID: fmt.Sprint("t", n), Name: "Eicar", Resolved: rapid.Bool().Draw(t, "resolved")})
				}
				want := m.alive()
				domaintest.Step(t, &s, c, want)
				if want == nil {
					m.tell(c)
				}
			},
			"remove": func(t *rapid.T) {
				var want error
				if !m.there {
					want = domain.ErrNotFound
				}
				if domaintest.Step(t, &s, Remove{Tenant: tenant, Device: "d1"}, want) == m.gone && m.there {
					t.Fatalf("removed, though gone before: %v", m.gone)
				}
				if m.gone = m.there; m.gone {
					clear(m.open)
				}
			},
			"": func(t *rapid.T) {
				var open []string
				for _, threat := range s.threats() {
					open = append(open, threat.id)
				}
				slices.Sort(open)
				if s.Exists() != m.there || s.Removed() != m.gone || s.Group() != m.group || s.Label() != m.label || s.guards != m.guards ||
					!slices.Equal(open, slices.Sorted(maps.Keys(m.open))) || m.there && s.Scope().Customer != customer(m.group) {
					t.Fatalf("the device is %+v with %v, want %+v", s, open, m)
				}
			},
		})
	})
}

// tell notes what a device that is there has told.
func (p *plain) tell(c Report) {
	p.guards = c.Guards
	listed := map[string]bool{}
	for _, t := range c.Threats {
		if listed[t.ID] = true; p.over[t.ID] {
			continue // an old picture that comes late
		}
		if p.open[t.ID] = true; t.Resolved {
			delete(p.open, t.ID)
			p.over[t.ID] = true
		}
	}
	for id := range p.open {
		if c.Complete && !listed[id] {
			delete(p.open, id)
			p.over[id] = true
		}
	}
}
