package user

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/domaintest"
)

// member is a user as people think of one.
type member struct {
	state          State
	there          bool // invited or admitted
	person         domain.PersonID
	role           domain.Role
	expires        time.Time
	inactive, gone bool
	link           LinkID
	now            time.Time
}

// working is what refuses most of what is done to a user.
func (m *member) working() error {
	switch {
	case !m.there || m.gone:
		return domain.ErrNotFound
	case m.inactive:
		return ErrInactive
	}
	return nil
}

func (m *member) do(t *rapid.T, c domain.Command[State], want error) bool {
	return domaintest.Step(t, &m.state, c, want)
}

var steps = map[string]func(*member, *rapid.T){
	"invite": func(m *member, t *rapid.T) {
		c := invite
		c.At = m.now
		if m.there {
			m.do(t, c, domain.ErrExists)
			return
		}
		m.do(t, c, nil)
		m.there, m.role, m.expires = true, c.Role, m.now.Add(InvitationLifetime)
	},
	"renew": func(m *member, t *rapid.T) {
		want := m.working()
		if want == nil && m.person != "" {
			want = ErrAccepted
		}
		if m.do(t, RenewInvitation{Tenant: tenant, User: "u1", At: m.now}, want) {
			m.expires = m.now.Add(InvitationLifetime)
		}
	},
	"accept": func(m *member, t *rapid.T) {
		var want error
		if m.working() != nil || m.person != "" || !m.now.Before(m.expires) {
			want = ErrInvitation
		}
		if m.do(t, Accept{Tenant: tenant, User: "u1", Person: "p1", At: m.now}, want) {
			m.person = "p1"
		}
	},
	"time": func(m *member, t *rapid.T) {
		m.now = m.now.Add(rapid.SampledFrom([]time.Duration{time.Hour, InvitationLifetime - time.Second, InvitationLifetime}).Draw(t, "later"))
	},
	"role": func(m *member, t *rapid.T) {
		to := rapid.SampledFrom([]domain.Role{domain.CustomerAdmin, domain.CustomerReadOnly, domain.ResellerAdmin}).Draw(t, "role")
		by := rapid.SampledFrom([]domain.Role{domain.ResellerAdmin, domain.CustomerAdmin, domain.CustomerReadOnly}).Draw(t, "by")
		want := m.working()
		if want == nil && to != m.role {
			switch {
			case to == domain.ResellerAdmin:
				want = ErrWrongOrg
			case by == domain.CustomerReadOnly:
				want = ErrRole
			}
		}
		if m.do(t, ChangeRole{Tenant: tenant, User: "u1", Role: to, By: by, At: m.now}, want) {
			m.role = to
		}
	},
	"deactivate": func(m *member, t *rapid.T) {
		if m.do(t, Deactivate{Tenant: tenant, User: "u1", By: domain.ResellerAdmin, At: m.now}, m.present()) {
			m.inactive, m.link = true, ""
		}
	},
	"reactivate": func(m *member, t *rapid.T) {
		if m.do(t, Reactivate{Tenant: tenant, User: "u1", By: domain.ResellerAdmin, At: m.now}, m.present()) {
			m.inactive = false
		}
	},
	"link": func(m *member, t *rapid.T) {
		to := rapid.SampledFrom([]LinkID{"k1", "k2"}).Draw(t, "link")
		if m.do(t, ActivateLink{Tenant: tenant, User: "u1", Link: to, At: m.now}, m.working()) {
			m.link = to
		}
	},
	"unlink": func(m *member, t *rapid.T) {
		if m.do(t, DeactivateLink{Tenant: tenant, User: "u1", At: m.now}, m.present()) {
			m.link = ""
		}
	},
	"erase": func(m *member, t *rapid.T) {
		if rapid.IntRange(0, 9).Draw(t, "seldom") > 0 {
			t.Skip("what comes before is more interesting")
		}
		var want error
		if !m.there {
			want = domain.ErrNotFound
		}
		if m.do(t, Erase{Tenant: tenant, User: "u1", By: domain.ResellerAdmin, At: m.now}, want) {
			m.gone, m.inactive, m.link = true, true, ""
		}
	},
}

// present is what refuses even what an inactive user may have done to him.
func (m *member) present() error {
	if !m.there || m.gone {
		return domain.ErrNotFound
	}
	return nil
}

// Whatever happens to a user in whatever order: an invitation is accepted once, in time, and by nobody who was deactivated; nobody
// acts who is not there, and of who was erased nothing is left and nothing comes back.
func TestUserAgainstAPlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &member{now: at}
		if rapid.Bool().Draw(t, "invited") {
			steps["invite"](m, t)
		}
		actions := map[string]func(*rapid.T){"": m.compare}
		for name, step := range steps {
			actions[name] = func(t *rapid.T) { step(m, t) }
		}
		t.Repeat(actions)
	})
}

func (m *member) compare(t *rapid.T) {
	s := m.state
	working := m.working() == nil
	if s.Exists() != m.there || s.Erased() != m.gone || s.Active() != (working && m.person != "") || s.Invited() != (working && m.person == "") ||
		s.Role() != m.role || s.Link() != m.link || s.Person() != m.person {
		t.Fatalf("the user is %+v, want %+v", s, m)
	}
	if m.gone && (s.Email().Text != "" || s.Profile() != (Profile{}) || len(s.Filters()) > 0) {
		t.Fatalf("something is left of who was erased: %+v", s)
	}
}
