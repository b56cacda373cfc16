package users

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/user"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/licenses"
	"avportal/projections/page"
	"avportal/projections/projectiontest"
)

func text(u domain.UserID, s string) domain.Personal {
	return domain.Personal{Subject: domain.Subject(u), Text: s}
}

func profile(u domain.UserID, first, surname string) user.Profile {
	return user.Profile{FirstName: text(u, first), Surname: text(u, surname), Language: user.German}
}

func invite(f *fleettest.Fleet, u domain.UserID, of domain.CustomerID, first, surname string, role domain.Role) {
	f.Add(user.Stream(f.Tenant, u), user.Invited{
		Tenant: f.Tenant, Customer: of, User: u, Profile: profile(u, first, surname), Email: text(u, first+"@huber.example"), Role: role,
		ExpiresAt: fleettest.Now.Add(user.InvitationLifetime),
	})
}

func told(f *fleettest.Fleet, u domain.UserID, events ...domain.Event) {
	for _, e := range events {
		f.Add(user.Stream(f.Tenant, u), e)
	}
}

func TestAMembersLife(t *testing.T) {
	f := fleettest.New()
	invite(f, "u1", "c1", "Vera", "Vogel", domain.CustomerAdmin)
	told(f, "u1", user.InvitationRenewed{User: "u1", ExpiresAt: fleettest.Now.Add(100 * time.Hour)}, user.Accepted{User: "u1", Person: "p1"},
		user.ProfileChanged{User: "u1", To: profile("u1", "Vera", "Huber")}, user.EmailChanged{User: "u1", To: text("u1", "vh@huber.example")},
		user.RoleChanged{User: "u1", To: domain.CustomerReadOnly}, user.ColumnsChosen{User: "u1", Table: user.DeviceTable})
	invite(f, "u2", "c1", "Karl", "Kern", domain.CustomerAdmin)
	told(f, "u2", user.Deactivated{User: "u2"}, user.Reactivated{User: "u2"}, user.Deactivated{User: "u2"})
	invite(f, "u3", "c1", "Otto", "Ohm", domain.CustomerAdmin)
	told(f, "u3", user.Erased{User: "u3"})
	told(f, "u4", user.Admitted{Tenant: f.Tenant, User: "u4", Person: "p4", Profile: profile("u4", "Rita", "Roth"), Email: text("u4", "r@r.example"), Role: domain.ResellerAdmin})
	g := projectiontest.Run(t, View, f.Events...)
	var got []string
	rows, err := g.DB().Query(t.Context(), `SELECT format('%s %s %s %s %s %s %s', user_id, name, email, role, language, inactive, erased) FROM member ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	want := "[u1 Huber Vera vh@huber.example customer_readonly de f f u2 Kern Karl Karl@huber.example customer_admin de t f" +
		" u3    customer_admin  f t u4 Roth Rita r@r.example reseller_admin de f f]"
	if fmt.Sprint(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// After an erasure a rebuild can't read the texts any more, and gives the very rows that are there.
func TestARebuildAfterErasure(t *testing.T) {
	readable, unreadable := fleettest.New(), fleettest.New()
	unreadable.Tenant = readable.Tenant
	for _, f := range []*fleettest.Fleet{readable, unreadable} {
		p, email := profile("u1", "Vera", "Vogel"), text("u1", "vera@huber.example")
		if f == unreadable {
			p.FirstName, p.Surname, email = p.FirstName.Erase(), p.Surname.Erase(), email.Erase()
		}
		f.Events = nil
		told(f, "u1", user.Invited{Tenant: f.Tenant, User: "u1", Profile: p, Email: email, Role: domain.Auditor}, user.Erased{User: "u1"})
	}
	var users [2]User
	for i, f := range []*fleettest.Fleet{readable, unreadable} {
		s := fleettest.Serve(t, []projections.View{View, licenses.View}, f)
		var err error
		if users[i], err = Get(t.Context(), s.Readers, f.Scope(), fleettest.Now, "u1"); err != nil || users[i].Status != Erased {
			t.Errorf("%+v, %v", users[i], err)
		}
	}
	if users[0] != users[1] {
		t.Errorf("before %+v, after %+v", users[0], users[1])
	}
}

func TestUsersAreFoundAndOrdered(t *testing.T) {
	f, theirs := fleettest.New(), fleettest.New()
	f.Customer("c1", "Bäckerei Huber")
	f.Customer("c2", "Praxis Kern")
	invite(f, "u1", "c1", "Vera", "Vogel", domain.CustomerAdmin)
	invite(f, "u2", "c2", "Karl", "Ähren", domain.CustomerReadOnly)
	invite(f, "u3", "", "Otto", "Ohm", domain.ResellerTechnician)
	invite(f, "u4", "", "Rita", "Roth", domain.ResellerAdmin)
	invite(f, "u5", "c1", "Eva", "Erle", domain.CustomerAdmin)
	told(f, "u3", user.Accepted{User: "u3", Person: "p3"})
	told(f, "u4", user.Deactivated{User: "u4"})
	told(f, "u5", user.Erased{User: "u5"})
	invite(theirs, "x1", "", "Xaver", "X", domain.ResellerAdmin)
	s := fleettest.Serve(t, []projections.View{View, licenses.View}, f, theirs)
	later := fleettest.Now.Add(user.InvitationLifetime)
	for _, c := range []struct {
		scope  domain.Scope
		now    time.Time
		filter Filter
		want   string
	}{
		{f.Scope(), fleettest.Now, Filter{}, "[u2 u3 u4 u1]"},
		{f.Scope(), fleettest.Now, Filter{Descending: true}, "[u1 u4 u3 u2]"},
		{f.Scope(), fleettest.Now, Filter{Sort: ByEmail}, "[u2 u3 u4 u1]"},
		{f.Scope(), fleettest.Now, Filter{Sort: ByCustomer, Descending: true}, "[u2 u1 u3 u4]"},
		{f.Scope(), fleettest.Now, Filter{Sort: ByRole}, "[u1 u2 u4 u3]"},
		{f.Scope(), fleettest.Now, Filter{Sort: ByInvitedAt}, "[u2 u3 u4 u1]"},
		{f.Scope(), fleettest.Now, Filter{Search: "vera vo"}, "[u1]"},
		{f.Scope(), fleettest.Now, Filter{Search: "ROTH RITA"}, "[u4]"},
		{f.Scope(), fleettest.Now, Filter{Search: "karl@"}, "[u2]"},
		{f.Scope(), fleettest.Now, Filter{Search: "praxis"}, "[u2]"},
		{f.Scope(), fleettest.Now, Filter{Search: "100%"}, "[]"},
		{f.Scope(), fleettest.Now, Filter{Customer: "c1"}, "[u1]"},
		{f.Scope(), fleettest.Now, Filter{Roles: []domain.Role{domain.ResellerAdmin, domain.CustomerAdmin}}, "[u4 u1]"},
		{f.Scope(), fleettest.Now, Filter{Statuses: []Status{Invited}}, "[u2 u1]"},
		{f.Scope(), later, Filter{Statuses: []Status{Invited}}, "[]"},
		{f.Scope(), later, Filter{Statuses: []Status{Expired, Activated}}, "[u2 u3 u1]"},
		{f.Scope(), later, Filter{Statuses: []Status{Deactivated}}, "[u4]"},
		{f.Scope(), later, Filter{Statuses: []Status{Erased}}, "[u5]"},
		{domain.Scope{Tenant: f.Tenant, Customer: "c1"}, fleettest.Now, Filter{}, "[u1]"},
		{domain.Scope{Tenant: f.Tenant, Customer: "c1"}, fleettest.Now, Filter{Customer: "c2"}, "[]"},
		{theirs.Scope(), fleettest.Now, Filter{}, "[x1]"},
	} {
		got := []domain.UserID{}
		for cursor := ""; ; {
			p, err := List(t.Context(), s.Readers, c.scope, c.now, c.filter, page.Paging{Cursor: cursor, Limit: 1})
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range p.Items {
				got = append(got, u.ID)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%+v %+v: got %v, want %s", c.scope, c.filter, got, c.want)
		}
		if n, err := Total(t.Context(), s.Readers, c.scope, c.now, c.filter); err != nil || n != len(got) {
			t.Errorf("%+v: %d in total, %v", c.filter, n, err)
		}
	}
	for _, scope := range []domain.Scope{theirs.Scope(), {Tenant: f.Tenant, Customer: "c2"}} {
		if _, err := Get(t.Context(), s.Readers, scope, fleettest.Now, "u1"); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("u1 in %+v: %v", scope, err)
		}
	}
	if _, err := List(t.Context(), s.Readers, f.Scope(), fleettest.Now, Filter{Sort: "shoe size"}, page.Paging{}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("an order that there is not: %v", err)
	}
}
