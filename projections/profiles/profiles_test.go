package profiles_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/profile"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/licenses"
	"avportal/projections/page"
	"avportal/projections/profiles"
	"avportal/projections/projectiontest"
)

// story is a reseller with a profile of its own, used by two groups, and those of two customers.
func story() *fleettest.Fleet {
	f := fleettest.New()
	f.Customer("c1", "Ärztehaus")
	f.Customer("c2", "Zahnarzt")
	f.License("l1", "c1", "Ärztehaus", 10, fleettest.Now.AddDate(1, 0, 0))
	f.License("l2", "c2", "Zahnarzt", 10, fleettest.Now.AddDate(1, 0, 0))
	for i, p := range []profile.Created{{Profile: "p1", Name: "Standard"}, {Profile: "p2", Customer: "c1", Name: "Labor"}, {Profile: "p3", Customer: "c2", Name: "Äpfel"}} {
		p.Tenant, p.Settings = f.Tenant, profile.Defaults()
		f.AddAt(profile.Stream(f.Tenant, p.Profile), fleettest.Now.Add(time.Duration(i)*time.Hour), p)
	}
	f.Device("d1", "c1", "l1.main", 1, device.Facts{Hostname: "PC-1"})
	f.Add(group.Stream(f.Tenant, "l1"), group.ProfileChosen{Group: "l1.main", To: "p1", Link: "k1"})
	f.Add(group.Stream(f.Tenant, "l2"), group.ProfileChosen{Group: "l2.main", To: "p1", Link: "k2"})
	return f
}

func tell(f *fleettest.Fleet, p domain.ProfileID, e domain.Event) {
	f.Add(profile.Stream(f.Tenant, p), e)
}

func TestEachEventOfAProfile(t *testing.T) {
	f := story()
	tell(f, "p1", profile.Renamed{Profile: "p1", To: "Basis"})
	tell(f, "p1", profile.SettingsChanged{Profile: "p1", Edition: 2})
	tell(f, "p2", profile.OwnerChanged{Profile: "p2", From: "c1"})
	tell(f, "p3", profile.Deleted{Profile: "p3"})
	f.Tell("d1", device.ProfileApplied{Device: "d1", To: device.Configuration{Profile: "p1", Edition: 1}})
	f.Tell("d1", device.ProfileApplied{Device: "d1", To: device.Configuration{Profile: "p1", Edition: 2}})
	f.Tell("d2", device.ProfileApplied{Device: "d2", To: device.Configuration{Profile: "p1", Edition: 1}})
	f.Tell("d2", device.Removed{Device: "d2"})
	f.Tell("d3", device.ProfileApplied{Device: "d3", To: device.Configuration{Profile: "p1", Edition: 1}})
	f.Tell("d3", device.ProfileApplied{Device: "d3"})
	f.Tell("d4", device.Removed{Device: "d4"})
	g := projectiontest.Run(t, profiles.View, f.Events...)
	type line struct {
		Profile  string `db:"profile"`
		Customer string `db:"customer"`
		Name     string `db:"name"`
		Edition  int32  `db:"edition"`
	}
	projectiontest.Then(g, `SELECT profile, customer, name, edition FROM profile ORDER BY profile`, line{"p1", "", "Basis", 2}, line{"p2", "", "Labor", 1})
	type applied struct {
		Device  string `db:"device"`
		Profile string `db:"profile"`
		Edition int32  `db:"edition"`
	}
	projectiontest.Then(g, `SELECT device, profile, edition FROM applied_profile`, applied{"d1", "p1", 2})
}

func TestEachFilterAndOrder(t *testing.T) {
	ours, theirs := story(), story()
	s := fleettest.Serve(t, []projections.View{profiles.View, licenses.View}, ours, theirs)
	reseller, c1 := domain.CustomerID(""), domain.CustomerID("c1")
	limited := domain.Scope{Tenant: ours.Tenant, Customer: "c1"}
	for _, c := range []struct {
		scope  domain.Scope
		filter profiles.Filter
		want   string
	}{
		{ours.Scope(), profiles.Filter{}, "[p3 p2 p1]"},
		{ours.Scope(), profiles.Filter{Descending: true}, "[p1 p2 p3]"},
		{ours.Scope(), profiles.Filter{Sort: profiles.ByOwner}, "[p1 p2 p3]"},
		{ours.Scope(), profiles.Filter{Sort: profiles.ByGroups, Descending: true}, "[p1 p3 p2]"},
		{ours.Scope(), profiles.Filter{Sort: profiles.ByDevices}, "[p3 p2 p1]"},
		{ours.Scope(), profiles.Filter{Sort: profiles.ByChanged}, "[p1 p2 p3]"},
		{ours.Scope(), profiles.Filter{Owner: &reseller}, "[p1]"},
		{ours.Scope(), profiles.Filter{Owner: &c1}, "[p2]"},
		{ours.Scope(), profiles.Filter{Search: "STAND"}, "[p1]"},
		{ours.Scope(), profiles.Filter{Search: "zahn"}, "[p3]"},
		{limited, profiles.Filter{}, "[p2]"},
		{limited, profiles.Filter{Owner: &reseller}, "[]"},
		{limited, profiles.Filter{Search: "Standard"}, "[]"},
		{domain.Scope{Tenant: theirs.Tenant, Customer: "c9"}, profiles.Filter{}, "[]"},
	} {
		for _, limit := range []int{1, 50} {
			got := []domain.ProfileID{}
			for cursor := ""; ; {
				p, err := profiles.List(t.Context(), s.Readers, c.scope, c.filter, page.Paging{Cursor: cursor, Limit: limit})
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
				t.Errorf("%+v by %d: got %v, want %s", c.filter, limit, got, c.want)
			}
			if n, err := profiles.Total(t.Context(), s.Readers, c.scope, c.filter); err != nil || n != len(got) {
				t.Errorf("%+v: total %d, %v", c.filter, n, err)
			}
		}
	}
	got, err := profiles.Get(t.Context(), s.Readers, ours.Scope(), "p1")
	want := profiles.Profile{ID: "p1", Name: "Standard", Edition: 1, Groups: 2, Devices: 1, CreatedAt: fleettest.Now, ChangedAt: fleettest.Now}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, id := range []domain.ProfileID{"p1", "p3", "none"} {
		if _, err := profiles.Get(t.Context(), s.Readers, limited, id); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("%s as a customer: %v", id, err)
		}
	}
}

func TestWhatGroupsUse(t *testing.T) {
	f := story()
	f.Add(group.Stream(f.Tenant, "l2"), group.ProfileChosen{Group: "l2.main", From: "p1", To: "p3", FromLink: "k2", Link: "k3"})
	f.Group("l1.x", "l1.main", "Labor")
	s := fleettest.Serve(t, []projections.View{profiles.View, licenses.View}, f)
	use := func(scope domain.Scope) map[domain.GroupID]licenses.GroupProfile {
		used := map[domain.GroupID]licenses.GroupProfile{"left over": {}}
		err := projections.Together(t.Context(), s.Readers, func(b *pgx.Batch) {
			licenses.Profiles(b, scope, []domain.GroupID{"l1.main", "l1.x", "l2.main"}, used)
		})
		if err != nil {
			t.Fatal(err)
		}
		trees, err := licenses.Groups(t.Context(), s.Readers, scope, licenses.GroupFilter{}, page.Paging{})
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range trees.Items {
			if g.Profile != used[g.ID] {
				t.Errorf("%s uses %+v in the tree, %+v alone", g.ID, g.Profile, used[g.ID])
			}
		}
		return used
	}
	standard, own := licenses.GroupProfile{ID: "p1", Name: "Standard", Edition: 1}, licenses.GroupProfile{ID: "p3", Name: "Äpfel", Edition: 1}
	if got := use(f.Scope()); len(got) != 2 || got["l1.main"] != standard || got["l2.main"] != own {
		t.Errorf("the reseller sees %+v", got)
	}
	if got := use(domain.Scope{Tenant: f.Tenant, Customer: "c1"}); len(got) != 1 || got["l1.main"] != (licenses.GroupProfile{ID: "p1", Edition: 1, Hidden: true}) {
		t.Errorf("the customer c1 sees %+v", got)
	}
	if got := use(domain.Scope{Tenant: f.Tenant, Customer: "c2"}); len(got) != 1 || got["l2.main"] != own {
		t.Errorf("the customer c2 sees %+v", got)
	}
	without, err := licenses.GroupsWithoutProfile(t.Context(), s.Readers, f.Tenant)
	if err != nil || fmt.Sprint(without) != "[l1.x]" {
		t.Errorf("without a profile: %v, %v", without, err)
	}
}

func TestApplied(t *testing.T) {
	f := story()
	f.Tell("d1", device.ProfileApplied{Device: "d1", To: device.Configuration{Profile: "p1", Edition: 3}})
	s := fleettest.Serve(t, []projections.View{profiles.View}, f)
	got := map[domain.DeviceID]device.Configuration{"left over": {}}
	err := projections.Together(t.Context(), s.Readers, func(b *pgx.Batch) {
		profiles.Applied(b, f.Tenant, []domain.DeviceID{"d1", "d2"}, got)
	})
	if err != nil || len(got) != 1 || got["d1"] != (device.Configuration{Profile: "p1", Edition: 3}) {
		t.Errorf("got %v, %v", got, err)
	}
}
