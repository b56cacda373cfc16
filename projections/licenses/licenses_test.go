package licenses

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/customer"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/projections"
	"avportal/projections/devices"
	"avportal/projections/fleettest"
	"avportal/projections/page"
	"avportal/projections/profiles"
	"avportal/projections/projectiontest"
	"avportal/projections/states"
)

func now() time.Time { return fleettest.Now }

// story is a tenant with four customers and licenses in every state.
func story() *fleettest.Fleet {
	f := fleettest.New()
	f.Customer("c1", "Ärztehaus")
	f.Customer("c2", "Zahnarzt")
	f.Customer("c3", "Anwalt")
	f.Customer("c4", "Ohne Lizenz")
	f.License("valid", "c1", "Gültig", 10, now().AddDate(1, 0, 0))
	f.License("ended", "c1", "Abgelaufen", 2, now())
	f.License("ending", "c2", "Läuft ab", 4, now().AddDate(0, 0, 30))
	f.License("msp", "c3", "Monatlich", 0, time.Time{})
	f.Group("valid.a", "valid.main", "Anmeldung")
	f.Group("valid.z", "valid.main", "Zimmer")
	f.Group("valid.ae", "valid.main", "Ärzte")
	f.Group("valid.a1", "valid.a", "Tresen")
	for i := range 9 {
		f.Device(domain.DeviceID(fmt.Sprintf("v%d", i)), "c1", []domain.GroupID{"valid.main", "valid.a", "valid.a1"}[i%3], i+1, device.Facts{Hostname: "PC"})
	}
	for i := range 2 {
		f.Device(domain.DeviceID(fmt.Sprintf("e%d", i)), "c1", "ended.main", i+1, device.Facts{})
	}
	f.Device("m0", "c3", "msp.main", 1, device.Facts{})
	f.Tell("v0", device.ThreatFound{Device: "v0", Threat: "t", Open: 1})
	f.Tell("m0", device.ThreatFound{Device: "m0", Threat: "t", Open: 1})
	return f
}

func TestEachEventOfALicense(t *testing.T) {
	type line struct {
		Name  string `db:"name"`
		Seats int32  `db:"seats"`
		Used  int32  `db:"used"`
		Until string `db:"until"`
	}
	for name, c := range map[string]struct {
		events []domain.Event
		want   line
	}{
		"imported":  {nil, line{"AV", 5, 0, "2026-06-01"}},
		"renamed":   {[]domain.Event{license.Renamed{License: "l", To: "Neu"}}, line{"Neu", 5, 0, "2026-06-01"}},
		"renewed":   {[]domain.Event{license.Renewed{License: "l", To: time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC)}}, line{"AV", 5, 0, "2027-06-01"}},
		"seats":     {[]domain.Event{license.SeatsChanged{License: "l", To: 7}}, line{"AV", 7, 0, "2026-06-01"}},
		"activated": {[]domain.Event{license.Activated{License: "l", Device: "d", Used: 1}, license.Activated{License: "l", Device: "e", Used: 2}, license.Released{License: "l", Device: "d", Used: 1}}, line{"AV", 5, 1, "2026-06-01"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := fleettest.New()
			f.Customer("c", "Kunde")
			f.License("l", "c", "AV", 5, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
			for _, e := range c.events {
				f.Add(license.Stream(f.Tenant, "l"), e)
			}
			projectiontest.Then(projectiontest.Run(t, View, f.Events...), `SELECT name, seats, used, valid_until::date::text AS until FROM license`, c.want)
		})
	}
}

func TestEachEventOfACustomerAndATree(t *testing.T) {
	f := story()
	f.Add(customer.Stream(f.Tenant, "c4"), customer.Renamed{Customer: "c4", To: "Umbenannt"})
	tree := group.Stream(f.Tenant, "valid")
	f.Add(tree, group.DeviceMoved{Device: "v0", From: "valid.main", To: "valid.z"})
	f.Add(tree, group.DeviceRemoved{Device: "v1", Group: "valid.a"})
	f.Add(tree, group.Renamed{Group: "valid.z", To: "Zi"})
	f.Add(tree, group.Moved{Group: "valid.z", From: "valid.main", To: "valid.a1"})
	f.Add(tree, group.Deleted{Group: "valid.ae"})
	f.Add(tree, group.ProfileChosen{Group: "valid.a", To: "p1", Link: "k1"})
	f.Add(tree, group.ProfileChosen{Group: "valid.z", To: "p1", Link: "k2"})
	f.Add(tree, group.ProfileChosen{Group: "valid.z", From: "p1", FromLink: "k2"})
	g := projectiontest.Run(t, View, f.Events...)
	type line struct {
		Group   string `db:"group_id"`
		Parent  string `db:"parent"`
		Name    string `db:"name"`
		Devices int32  `db:"devices"`
		Profile string `db:"profile"`
	}
	projectiontest.Then(g, `SELECT group_id, parent, name, devices, profile FROM license_group WHERE license = 'valid' ORDER BY group_id COLLATE "C"`,
		line{"valid.a", "valid.main", "Anmeldung", 2, "p1"}, line{"valid.a1", "valid.a", "Tresen", 3, ""},
		line{"valid.main", "", "Gültig", 2, ""}, line{"valid.z", "valid.a1", "Zi", 1, ""})
	type size struct {
		Groups  int64 `db:"groups"`
		Devices int64 `db:"devices"`
	}
	projectiontest.Then(g, `SELECT groups, devices FROM license_size WHERE license = 'valid'`, size{4, 8})
	type named struct {
		Name string `db:"name"`
	}
	projectiontest.Then(g, `SELECT name FROM customer WHERE customer = 'c4'`, named{"Umbenannt"})
}

func serve(tb testing.TB, fleets ...*fleettest.Fleet) *fleettest.Served {
	tb.Helper()
	return fleettest.Serve(tb, []projections.View{View, devices.View, profiles.View}, fleets...)
}

func ids(tb testing.TB, s *fleettest.Served, scope domain.Scope, f Filter, limit int) (all []string) {
	tb.Helper()
	for cursor := ""; ; {
		p, err := List(tb.Context(), s.Readers, scope, now(), f, page.Paging{Cursor: cursor, Limit: limit})
		if err != nil {
			tb.Fatal(err)
		}
		for _, l := range p.Items {
			all = append(all, string(l.ID))
		}
		if cursor = p.Next; cursor == "" {
			return all
		}
	}
}

func TestEachFilterAndOrderOfLicenses(t *testing.T) {
	f := story()
	s := serve(t, f)
	v := func(s ...states.Validity) []states.Validity { return s }
	for _, c := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"ended", "valid", "ending", "msp"}},
		{Filter{Descending: true}, []string{"msp", "ending", "valid", "ended"}},
		{Filter{Customer: "c1"}, []string{"ended", "valid"}},
		{Filter{Kinds: []license.Kind{license.MSP}}, []string{"msp"}},
		{Filter{States: v(states.Valid)}, []string{"valid", "msp"}},
		{Filter{States: v(states.Expiring)}, []string{"ending"}},
		{Filter{States: v(states.Expired)}, []string{"ended"}},
		{Filter{States: v(states.Valid, states.Expiring)}, []string{"valid", "ending", "msp"}},
		{Filter{Seats: []states.Seats{states.SeatsFree}}, []string{"ending"}},
		{Filter{Seats: []states.Seats{states.SeatsNearly}}, []string{"valid"}},
		{Filter{Seats: []states.Seats{states.SeatsUsedUp, states.SeatsUnlimited}}, []string{"ended", "msp"}},
		{Filter{Search: "LÄUFT"}, []string{"ending"}},
		{Filter{Search: "ärzte"}, []string{"ended", "valid"}},
		{Filter{Sort: ByCustomer}, []string{"msp", "ended", "valid", "ending"}},
		{Filter{Sort: ByKind}, []string{"msp", "ended", "valid", "ending"}},
		{Filter{Sort: ByValidUntil}, []string{"ended", "ending", "valid", "msp"}},
		{Filter{Sort: ByValidUntil, States: v(states.Expired, states.Expiring), Descending: true}, []string{"ending", "ended"}},
		{Filter{Sort: BySeats}, []string{"msp", "ended", "ending", "valid"}},
		{Filter{Sort: ByUsed, Descending: true}, []string{"valid", "ended", "msp", "ending"}},
		{Filter{Sort: ByDevices, Descending: true}, []string{"valid", "ended", "msp", "ending"}},
		{Filter{Sort: ByInfected, Descending: true}, []string{"valid", "msp", "ended", "ending"}},
	} {
		for _, limit := range []int{1, 3, 50} {
			if got := ids(t, s, f.Scope(), c.filter, limit); !slices.Equal(got, c.want) {
				t.Errorf("%+v by %d: got %q, want %q", c.filter, limit, got, c.want)
			}
		}
		if n, err := Total(t.Context(), s.Readers, f.Scope(), now(), c.filter); err != nil || n != len(c.want) {
			t.Errorf("%+v: total %d, %v", c.filter, n, err)
		}
	}
}

func TestAllAboutALicense(t *testing.T) {
	f := story()
	s := serve(t, f)
	got, err := Get(t.Context(), s.Readers, f.Scope(), now(), "valid")
	want := License{
		ID: "valid", Name: "Gültig", Customer: "c1", CustomerName: "Ärztehaus", Kind: license.Purchase, Seats: 10, Used: 9,
		ValidFrom: now().AddDate(-1, 0, 0), ValidUntil: now().AddDate(1, 0, 0), TID: "TID-valid", Devices: 9, Infected: 1,
		State: states.Valid, SeatsState: states.SeatsNearly,
	}
	if err != nil || got != want {
		t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
	}
	// The boundaries: a license no longer holds from its end on, and is about to expire from 30 days before, both to the moment.
	for offset, want := range map[time.Duration]states.Validity{-30*24*time.Hour - 1e3: states.Valid, -30 * 24 * time.Hour: states.Expiring, -1e3: states.Expiring, 0: states.Expired} {
		at := now().AddDate(1, 0, 0).Add(offset)
		l, err := Get(t.Context(), s.Readers, f.Scope(), at, "valid")
		if err != nil || l.State != want {
			t.Errorf("%v before its end: %v, %v, want %v", -offset, l.State, err, want)
		}
		p, err := List(t.Context(), s.Readers, f.Scope(), at, Filter{States: []states.Validity{want}}, page.Paging{})
		if err != nil || !slices.ContainsFunc(p.Items, func(l License) bool { return l.ID == "valid" }) {
			t.Errorf("%v before its end it is not among the %s ones: %v", -offset, want, err)
		}
	}
}

func TestCustomers(t *testing.T) {
	f := story()
	s := serve(t, f)
	for _, c := range []struct {
		filter CustomerFilter
		want   string
	}{
		{CustomerFilter{}, "[c3 c1 c4 c2]"},
		{CustomerFilter{Sort: CustomersByNumber, Descending: true}, "[c4 c3 c2 c1]"},
		{CustomerFilter{Sort: CustomersByLicenses, Descending: true}, "[c1 c3 c2 c4]"},
		{CustomerFilter{Sort: CustomersByDevices, Descending: true}, "[c1 c3 c4 c2]"},
		{CustomerFilter{Sort: CustomersByInfected}, "[c4 c2 c3 c1]"},
		{CustomerFilter{Search: "NO. C2"}, "[c2]"},
	} {
		var got []domain.CustomerID
		for cursor := ""; ; {
			p, err := Customers(t.Context(), s.Readers, f.Scope(), c.filter, page.Paging{Cursor: cursor, Limit: 3})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range p.Items {
				got = append(got, x.ID)
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%+v: got %v, want %v", c.filter, got, c.want)
		}
		if n, err := TotalCustomers(t.Context(), s.Readers, f.Scope(), c.filter); err != nil || n != len(got) {
			t.Errorf("%+v: total %d, %v", c.filter, n, err)
		}
	}
	got, err := GetCustomer(t.Context(), s.Readers, f.Scope(), "c1")
	if want := (Customer{ID: "c1", Name: "Ärztehaus", Number: "no. c1", Licenses: 2, Devices: 11, Infected: 1}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestTreesComeWholeAndInOrder(t *testing.T) {
	f := story()
	s := serve(t, f)
	for _, limit := range []int{1, 4, 50} {
		var got []string
		pages := 0
		for cursor := ""; ; pages++ {
			p, err := Groups(t.Context(), s.Readers, f.Scope(), GroupFilter{}, page.Paging{Cursor: cursor, Limit: limit})
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range p.Items {
				got = append(got, fmt.Sprintf("%s %d %d/%d", g.ID, g.Depth, g.Devices, g.DevicesBelow))
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		want := []string{
			"msp.main 1 1/1", "ended.main 1 2/2",
			"valid.main 1 3/9", "valid.a 2 3/6", "valid.a1 3 3/3", "valid.ae 2 0/0", "valid.z 2 0/0",
			"ending.main 1 0/0",
		}
		if !slices.Equal(got, want) || limit == 1 && pages != 3 {
			t.Errorf("by %d, %d pages:\n got %q\nwant %q", limit, pages+1, got, want)
		}
	}
	p, err := Groups(t.Context(), s.Readers, f.Scope(), GroupFilter{License: "ended"}, page.Paging{})
	if err != nil || len(p.Items) != 1 || p.Items[0].CustomerName != "Ärztehaus" || p.Items[0].LicenseName != "Abgelaufen" {
		t.Errorf("one tree: %+v, %v", p, err)
	}
	n, err := GroupNames(t.Context(), s.Readers, f.Scope(), []domain.GroupID{"valid.a", "nowhere.main"})
	if err != nil || len(n) != 1 || n["valid.a"] != "Anmeldung" {
		t.Errorf("names %v, %v", n, err)
	}
}

func TestForeignLicensesDoNotExist(t *testing.T) {
	ours, theirs := story(), fleettest.New()
	theirs.Customer("cx", "FOREIGN")
	theirs.License("lx", "cx", "FOREIGN", 3, now().AddDate(1, 0, 0))
	s := serve(t, ours, theirs)
	c3 := domain.Scope{Tenant: ours.Tenant, Customer: "c3"}
	for _, scope := range []domain.Scope{ours.Scope(), c3} {
		for _, filter := range []Filter{{}, {Customer: "cx"}, {Search: "FOREIGN"}, {Sort: ByInfected}, {Sort: ByDevices}, {Sort: ByCustomer}} {
			for _, id := range ids(t, s, scope, filter, 50) {
				if id == "lx" || scope == c3 && id != "msp" {
					t.Errorf("%+v in %+v shows %s", filter, scope, id)
				}
			}
		}
		for _, sort := range []CustomerSort{CustomersByName, CustomersByDevices, CustomersByInfected} {
			p, err := Customers(t.Context(), s.Readers, scope, CustomerFilter{Sort: sort}, page.Paging{})
			for _, c := range p.Items {
				if err != nil || c.ID == "cx" || scope == c3 && c.ID != "c3" {
					t.Errorf("customers of %+v show %s, %v", scope, c.ID, err)
				}
			}
		}
		for _, filter := range []GroupFilter{{}, {License: "lx"}, {Customer: "cx"}} {
			p, err := Groups(t.Context(), s.Readers, scope, filter, page.Paging{})
			for _, g := range p.Items {
				if err != nil || g.License == "lx" || scope == c3 && g.License != "msp" {
					t.Errorf("groups of %+v show %s, %v", scope, g.ID, err)
				}
			}
		}
		_, err1 := Get(t.Context(), s.Readers, scope, now(), "lx")
		_, err2 := GetCustomer(t.Context(), s.Readers, scope, "cx")
		if !errors.Is(err1, domain.ErrNotFound) || !errors.Is(err2, domain.ErrNotFound) {
			t.Errorf("foreign objects in %+v: %v, %v", scope, err1, err2)
		}
		if n, err := GroupNames(t.Context(), s.Readers, scope, []domain.GroupID{"lx.main"}); err != nil || len(n) > 0 {
			t.Errorf("foreign group names: %v, %v", n, err)
		}
	}
	if _, err := Get(t.Context(), s.Readers, c3, now(), "valid"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("another customer's license: %v", err)
	}
}
