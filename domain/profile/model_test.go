package profile

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"avportal/domain"
)

// model is a profile as people think of it.
type model struct {
	state    State
	there    bool
	deleted  bool
	owner    domain.CustomerID
	name     string
	editions []Settings
	links    map[domain.LinkID]domain.CustomerID
	made     int
}

func (m *model) do(t *rapid.T, c domain.Command[State], want error) (changed bool) {
	switch {
	case !m.there:
		want = domain.ErrNotFound
	case m.deleted:
		want = ErrDeleted
	}
	if _, unlink := c.(Unlink); unlink {
		want = nil
	}
	events, err := c.Decide(m.state)
	if !errors.Is(err, want) {
		t.Fatalf("%+v: %v, want %v", c, err, want)
	}
	for _, e := range events {
		m.state = m.state.Evolve(e)
	}
	return len(events) > 0
}

func someSettings(t *rapid.T) Settings {
	s := Defaults()
	s.Protection.Web = rapid.Bool().Draw(t, "web")
	s.Mail.ReportIncoming = rapid.SampledFrom([]MailReport{NoReport, ReportFirst}).Draw(t, "report")
	s.Exclusions.Paths = rapid.SampledFrom([][]string{nil, {"/a"}, {"/a", "/b"}}).Draw(t, "paths")
	if rapid.Bool().Draw(t, "own scan") {
		s.ScanProfiles = everything().ScanProfiles
	}
	if rapid.Bool().Draw(t, "recipient") {
		s.Notifications = everything().Notifications
	}
	return s
}

// Whatever is done to a profile in whatever order, it is what a plain model says: each change of settings makes one more
// edition that can be brought back, links and owner never contradict each other, and what is in use can't be deleted.
func TestProfileAgainstAPlainModel(t *testing.T) {
	owners := rapid.SampledFrom([]domain.CustomerID{"", "c1", "c2"})
	rapid.Check(t, func(t *rapid.T) {
		m := &model{links: map[domain.LinkID]domain.CustomerID{}}
		change := func(t *rapid.T, s Settings, restores int) {
			changed := m.do(t, ChangeSettings{Tenant: tenant, Profile: id, Settings: s, Restores: restores, At: at}, nil)
			if m.there && !m.deleted {
				if same := reflect.DeepEqual(s, m.editions[len(m.editions)-1]); changed == same {
					t.Fatalf("changed %v, same settings %v", changed, same)
				}
			}
			if changed {
				m.editions = append(m.editions, s)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"create": func(t *rapid.T) {
				if m.there {
					t.Skip("once")
				}
				m.there, m.owner, m.name = true, owners.Draw(t, "owner"), "first"
				m.editions = []Settings{someSettings(t)}
				c := Create{Tenant: tenant, Profile: id, Customer: m.owner, Name: m.name, Settings: m.editions[0], At: at}
				if !m.do(t, c, nil) {
					t.Fatal("nothing was created")
				}
			},
			"rename": func(t *rapid.T) {
				name := rapid.SampledFrom([]string{"first", "second"}).Draw(t, "name")
				if m.do(t, Rename{Tenant: tenant, Profile: id, Name: name, At: at}, nil) {
					m.name = name
				}
			},
			"edit": func(t *rapid.T) { change(t, someSettings(t), 0) },
			"restore": func(t *rapid.T) {
				if len(m.editions) == 0 {
					t.Skip("nothing to restore")
				}
				n := rapid.IntRange(1, len(m.editions)).Draw(t, "edition")
				change(t, m.editions[n-1], n)
			},
			"own": func(t *rapid.T) {
				to := owners.Draw(t, "owner")
				var want error
				for _, c := range m.links {
					if to != "" && to != m.owner && c != to {
						want = ErrUsedByOthers
					}
				}
				if m.do(t, ChangeOwner{Tenant: tenant, Profile: id, To: to, At: at}, want) {
					m.owner = to
				}
			},
			"link": func(t *rapid.T) {
				c := rapid.SampledFrom([]domain.CustomerID{"c1", "c2"}).Draw(t, "customer")
				l := domain.LinkID(fmt.Sprint("k", m.made))
				var want error
				if m.owner != "" && m.owner != c {
					want = ErrNotForCustomer
				}
				if m.do(t, Link{Tenant: tenant, Profile: id, Link: l, Group: main, Customer: c, At: at}, want) {
					m.links[l] = c
					m.made++
				}
			},
			"unlink": func(t *rapid.T) {
				l := domain.LinkID(fmt.Sprint("k", rapid.IntRange(0, m.made).Draw(t, "link")))
				_, there := m.links[l]
				if m.do(t, Unlink{Tenant: tenant, Profile: id, Link: l, At: at}, nil) != there {
					t.Fatalf("unlinking %s, which is there: %v", l, there)
				}
				delete(m.links, l)
			},
			"delete": func(t *rapid.T) {
				var want error
				if len(m.links) > 0 {
					want = ErrInUse
				}
				if m.do(t, Delete{Tenant: tenant, Profile: id, At: at}, want) {
					m.deleted = true
				}
			},
			"": m.compare,
		})
	})
}

func (m *model) compare(t *rapid.T) {
	if !m.there {
		return
	}
	s := m.state
	if s.Exists() == m.deleted || s.Name() != m.name || s.Scope().Customer != m.owner || s.Edition() != len(m.editions) ||
		!reflect.DeepEqual(s.Settings(), m.editions[len(m.editions)-1]) || len(s.Groups()) != len(m.links) {
		t.Fatalf("the profile is %+v, want %+v", s, m)
	}
	for _, c := range m.links {
		if m.owner != "" && c != m.owner {
			t.Fatalf("a group of %s uses a profile of %s", c, m.owner)
		}
	}
}
