package commands_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/domain/profile"
	"avportal/eventstore"
)

func itemsOf(ids []domain.DeviceID) []job.Item {
	items := make([]job.Item, len(ids))
	for i, id := range ids {
		items[i] = job.Item(id)
	}
	return items
}

func (b bench) profile(id domain.ProfileID, owner domain.CustomerID) {
	b.Helper()
	must(commands.CreateProfile(b.Context(), b.h, request(admin()), profile.Create{
		Tenant: tenant, Profile: id, Customer: owner, Name: "Profile " + string(id), Settings: profile.Defaults(), At: now,
	}))(b.T)
}

func (b bench) choose(h *commands.Handler, g domain.GroupID, p domain.ProfileID) error {
	_, err := commands.ChooseProfile(b.Context(), h, request(admin()), tenant, g, p)
	return err
}

func (b bench) deleteProfile(h *commands.Handler, p domain.ProfileID) error {
	_, err := commands.Do[profile.State](b.Context(), h, request(admin()), profile.Delete{Tenant: tenant, Profile: p, At: now})
	return err
}

// linksAgree says what is wrong: at no position of the log a group uses a profile that is not there or does not know of it,
// and at the end a profile knows of no other groups than those that use it.
func (b bench) linksAgree(what string) {
	b.Helper()
	known := map[domain.LinkID]domain.ProfileID{}
	uses := map[domain.GroupID]domain.LinkID{}
	deleted := map[domain.ProfileID]bool{}
	for _, r := range b.log() {
		switch e := r.Event.(type) {
		case profile.Linked:
			known[e.Link] = e.Profile
		case profile.Unlinked:
			delete(known, e.Link)
		case profile.Deleted:
			deleted[e.Profile] = true
		case group.ProfileChosen:
			uses[e.Group] = e.Link
			if e.To == "" {
				delete(uses, e.Group)
			}
		case group.Deleted:
			delete(uses, e.Group)
		}
		for g, l := range uses {
			if p := known[l]; p == "" || deleted[p] {
				b.Fatalf("%s: at %s, %s uses the profile %q that does not know it or is deleted", what, r.Position, g, p)
			}
		}
	}
	if len(known) != len(uses) {
		b.Errorf("%s: profiles know of %d links, groups have %d", what, len(known), len(uses))
	}
}

// Choosing, exchanging, taking away a profile and deleting its group, each killed at each of its appends, then settled, or
// repeated and settled.
func TestLinksBrokenOffAnywhere(t *testing.T) {
	lab := domain.NewGroupID("l1", "lab")
	flows := map[string]func(b bench, h *commands.Handler, rq commands.Request) error{
		"choose": func(b bench, h *commands.Handler, rq commands.Request) error {
			_, err := commands.ChooseProfile(b.Context(), h, rq, tenant, group.Main("l1"), "p1")
			return err
		},
		"exchange": func(b bench, h *commands.Handler, rq commands.Request) error {
			_, err := commands.ChooseProfile(b.Context(), h, rq, tenant, lab, "p1")
			return err
		},
		"take away": func(b bench, h *commands.Handler, rq commands.Request) error {
			_, err := commands.ChooseProfile(b.Context(), h, rq, tenant, lab, "")
			return err
		},
		"delete group": func(b bench, h *commands.Handler, rq commands.Request) error {
			_, err := commands.DeleteGroup(b.Context(), h, rq, group.Delete{Tenant: tenant, Group: lab, At: now})
			return err
		},
	}
	for name, flow := range flows {
		for at := 1; ; at++ {
			broken := false
			for variant := range 4 {
				written, repeat := variant%2 == 0, variant/2 == 0
				b := setup(t)
				b.license("l1", 5)
				b.profile("p1", "")
				b.profile("p2", "c-l1")
				must(commands.Do[group.State](t.Context(), b.h, request(admin()), group.Create{Tenant: tenant, Group: lab, Parent: group.Main("l1"), Name: "Lab", At: now}))(t)
				if err := b.choose(b.h, lab, "p2"); err != nil {
					t.Fatal(err)
				}
				rq := request(admin())
				err := flow(b, commands.New(killedAt(at, written, b.store)), rq)
				broken = broken || err != nil
				what := fmt.Sprintf("%s killed at append %d (written %v), repeated %v", name, at, written, repeat)
				if repeat {
					if err := flow(b, commands.New(b.store), rq); err != nil {
						t.Errorf("%s: the repetition is refused: %v", what, err)
					}
				}
				b.settleAll()
				b.linksAgree(what)
			}
			if !broken {
				if at < 2 {
					t.Errorf("%s: was never broken off", name)
				}
				break
			}
		}
	}
}

// A profile is deleted while groups begin and cease to use it, in several processes at once.
func TestDeletingAProfileWhileItIsLinked(t *testing.T) {
	for round := range 20 {
		b := setup(t)
		var groups []domain.GroupID
		for i := range 4 {
			l := domain.LicenseID(fmt.Sprint("l", i))
			b.license(l, 1)
			groups = append(groups, group.Main(l))
		}
		b.profile("p1", "")
		b.profile("p2", "")
		var wait sync.WaitGroup
		for i, g := range groups {
			h := commands.New(b.store)
			wait.Go(func() {
				for n := range 6 {
					to := []domain.ProfileID{"p1", "", "p2", "p1", "", ""}[(n+i)%6]
					if err := b.choose(h, g, to); err != nil && !errors.Is(err, commands.ErrUnknownProfile) && !errors.Is(err, profile.ErrDeleted) {
						t.Errorf("choose %q: %v", to, err)
					}
				}
			})
			same := commands.New(b.store) // somebody else, for the same group
			wait.Go(func() {
				for _, to := range []domain.ProfileID{"p1", "", "p1"} {
					if err := b.choose(same, g, to); err != nil && !errors.Is(err, commands.ErrUnknownProfile) && !errors.Is(err, profile.ErrDeleted) {
						t.Errorf("choose %q: %v", to, err)
					}
				}
			})
		}
		wait.Go(func() {
			h := commands.New(b.store)
			for range 200 {
				if err := b.deleteProfile(h, "p1"); err == nil {
					return
				} else if !errors.Is(err, profile.ErrInUse) {
					t.Errorf("delete: %v", err)
				}
			}
		})
		wait.Wait()
		b.linksAgree(fmt.Sprint("round ", round))
	}
}

func TestWhoMayChooseWhat(t *testing.T) {
	b := setup(t)
	b.license("l1", 5)
	b.license("l2", 5)
	b.profile("resellers", "")
	b.profile("own", "c-l1")
	b.profile("others", "c-l2")
	limited, technician, reader, stranger := admin(), admin(), admin(), admin()
	limited.Role, limited.Customer = domain.CustomerAdmin, "c-l1"
	technician.Role, reader.Role, stranger.Tenant = domain.ResellerTechnician, domain.ResellerReadOnly, foreign
	l1, l2 := group.Main("l1"), group.Main("l2")
	for _, c := range []struct {
		who  domain.Actor
		g    domain.GroupID
		p    domain.ProfileID
		want error
	}{
		{limited, l1, "resellers", commands.ErrUnknownProfile}, // he does not see it
		{limited, l1, "others", commands.ErrUnknownProfile},
		{limited, l1, "nowhere", commands.ErrUnknownProfile},
		{limited, l2, "own", domain.ErrNotFound},
		{limited, l1, "own", nil},
		{limited, l1, "", nil},
		{technician, l1, "others", profile.ErrNotForCustomer},
		{technician, l1, "resellers", nil},
		{limited, l1, "own", commands.ErrProfileOfReseller},
		{limited, l1, "", commands.ErrProfileOfReseller},
		{reader, l1, "own", domain.ErrForbidden},
		{stranger, l1, "own", domain.ErrNotFound},
		{technician, "l1.gone", "own", domain.ErrNotFound},
		{technician, "nonsense", "own", domain.ErrNotFound},
	} {
		before := len(b.log())
		_, err := commands.ChooseProfile(t.Context(), b.h, request(c.who), tenant, c.g, c.p)
		if !errors.Is(err, c.want) {
			t.Errorf("%s of %q chooses %q for %s: %v, want %v", c.who.Role, c.who.Customer, c.p, c.g, err, c.want)
		}
		if err != nil && len(b.log()) != before {
			t.Errorf("choosing %q for %s was refused and left something behind", c.p, c.g)
		}
	}
	owner := func(who domain.Actor, p domain.ProfileID, to domain.CustomerID) error {
		_, err := commands.ChangeProfileOwner(t.Context(), b.h, request(who), profile.ChangeOwner{Tenant: tenant, Profile: p, To: to, At: now})
		return err
	}
	for _, c := range []struct {
		who  domain.Actor
		p    domain.ProfileID
		to   domain.CustomerID
		want error
	}{
		{limited, "own", "", commands.ErrUnknownOwner}, {limited, "own", "c-l2", commands.ErrUnknownOwner}, {limited, "resellers", "c-l1", domain.ErrNotFound},
		{admin(), "own", "nobody", commands.ErrUnknownOwner}, {stranger, "own", "", domain.ErrNotFound}, {reader, "own", "", domain.ErrForbidden},
		{admin(), "resellers", "c-l2", profile.ErrUsedByOthers}, {admin(), "own", "c-l2", nil},
	} {
		if err := owner(c.who, c.p, c.to); !errors.Is(err, c.want) {
			t.Errorf("%s of %q gives %s to %q: %v, want %v", c.who.Role, c.who.Customer, c.p, c.to, err, c.want)
		}
	}
	b.linksAgree("refusals")
}

func (b bench) run(accept func(commands.Request) (commands.Result, error)) []job.Result {
	b.Helper()
	must(accept(request(admin())))(b.T)
	accepted := b.log()[len(b.log())-1]
	for range 2 { // delivered twice, the second time by a process of its own
		if err := commands.RunJob(b.Context(), commands.New(b.store), accepted); err != nil {
			b.Fatal(err)
		}
	}
	var results []job.Result
	check := func(s job.State, _ eventstore.Revision) { results = slices.Clone(s.Results()) }
	if err := commands.Inspect(b.Context(), b.h, accepted.Stream, check); err != nil {
		b.Fatal(err)
	}
	return results
}

func failures(results []job.Result) map[job.Item]string {
	out := map[job.Item]string{}
	for _, r := range results {
		if !r.OK {
			out[r.Item] = r.Code
		}
	}
	return out
}

func (b bench) pending(d domain.DeviceID) (list []device.Pending) {
	b.Helper()
	err := commands.Inspect(b.Context(), b.h, device.Stream(tenant, d), func(s device.State, _ eventstore.Revision) { list = s.Pending() })
	if err != nil {
		b.Fatal(err)
	}
	return list
}

func TestTransmit(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 10)
	lab := domain.NewGroupID("l1", "lab")
	must(commands.Do[group.State](t.Context(), b.h, request(admin()), group.Create{Tenant: tenant, Group: lab, Parent: group.Main("l1"), Name: "Lab", At: now}))(t)
	in, beside := b.enroll(tid), b.enroll(tid)
	must(commands.MoveDevice(t.Context(), b.h, request(admin()), tenant, in, lab))(t)
	b.profile("p1", "")
	accept := job.Accept{Tenant: tenant, Job: "j1", At: now}
	toGroup := func(j job.ID, g domain.GroupID) func(commands.Request) (commands.Result, error) {
		a := accept
		a.Job = j
		return func(rq commands.Request) (commands.Result, error) {
			return commands.TransmitToGroup(t.Context(), b.h, rq, a, g)
		}
	}
	if _, err := toGroup("j1", lab)(request(admin())); !errors.Is(err, commands.ErrNoProfile) {
		t.Errorf("a group without a profile: %v", err)
	}
	if _, err := commands.TransmitProfile(t.Context(), b.h, request(admin()), tenant, beside); !errors.Is(err, commands.ErrNoProfile) {
		t.Errorf("a device whose group has no profile: %v", err)
	}
	if err := b.choose(b.h, lab, "p1"); err != nil {
		t.Fatal(err)
	}
	s := profile.Defaults()
	s.ScanProfiles = []profile.ScanProfile{{ID: "data", Name: "Daten", Paths: []string{"/data"}}}
	must(commands.Do[profile.State](t.Context(), b.h, request(admin()), profile.ChangeSettings{Tenant: tenant, Profile: "p1", Settings: s, At: now}))(t)
	if r := b.run(toGroup("j2", lab)); len(r) != 1 || !r[0].OK || r[0].Item != job.Item(in) {
		t.Errorf("results %+v", r)
	}
	if p := b.pending(in); len(p) != 1 || p[0].Kind != device.ApplyProfile || p[0].Configuration != (device.Configuration{Profile: "p1", Edition: 2}) {
		t.Errorf("the device is asked %+v", p)
	}
	if p := b.pending(beside); len(p) != 0 {
		t.Errorf("a device of another group is asked %+v", p)
	}
	all := func(rq commands.Request) (commands.Result, error) {
		a := accept
		a.Job = "j3"
		return commands.TransmitToAll(t.Context(), b.h, rq, a, "p1")
	}
	if r := b.run(all); len(r) != 1 || !r[0].OK {
		t.Errorf("to all that use it: %+v", r)
	}
	limited := admin()
	limited.Role, limited.Customer = domain.CustomerAdmin, "c-l1"
	if _, err := all(request(limited)); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a customer transmits the reseller's profile to all: %v", err)
	}
	if _, err := commands.ScanByProfile(t.Context(), b.h, request(limited), tenant, in, "data"); err != nil {
		t.Error(err)
	}
	if p := b.pending(in); len(p) != 2 || p[1].Profile != device.ProfileOwn || p[1].Name != "Daten" || !slices.Equal(p[1].Paths, []string{"/data"}) {
		t.Errorf("the device is asked %+v", p)
	}
	if _, err := commands.ScanByProfile(t.Context(), b.h, request(admin()), tenant, in, "other"); !errors.Is(err, commands.ErrUnknownScan) {
		t.Errorf("an unknown scan: %v", err)
	}
	scans := func(rq commands.Request) (commands.Result, error) {
		return commands.AcceptJob(t.Context(), b.h, rq, job.Accept{
			Tenant: tenant, Job: "j4", Order: job.Order{Action: job.ScanDevices, Profile: "data"}, Items: itemsOf([]domain.DeviceID{in, beside}), At: now,
		})
	}
	if f := failures(b.run(scans)); len(f) != 1 || f[job.Item(beside)] != "no_profile" {
		t.Errorf("an own scan of two devices fails for %v", f)
	}
}

func TestUndoMove(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 10)
	b.license("l2", 3)
	var devices []domain.DeviceID
	for range 4 {
		devices = append(devices, b.enroll(tid))
	}
	move := func(rq commands.Request) (commands.Result, error) {
		return commands.AcceptJob(t.Context(), b.h, rq, job.Accept{
			Tenant: tenant, Job: "move", Order: job.Order{Action: job.MoveDevices, To: group.Main("l2")}, Items: itemsOf(devices), At: now,
		})
	}
	undo := func(rq commands.Request) (commands.Result, error) {
		return commands.UndoMove(t.Context(), b.h, rq, job.Accept{Tenant: tenant, Job: job.ID(uuid.NewString()), At: now}, "move")
	}
	if _, err := undo(request(admin())); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a job that is not there: %v", err)
	}
	stayed := failures(b.run(move)) // for want of seats
	if len(stayed) != 1 {
		t.Fatalf("%v stayed", stayed)
	}
	var moved []domain.DeviceID
	for _, d := range devices {
		if stayed[job.Item(d)] == "" {
			moved = append(moved, d)
		}
	}
	lab := domain.NewGroupID("l2", "lab")
	must(commands.Do[group.State](t.Context(), b.h, request(admin()), group.Create{Tenant: tenant, Group: lab, Parent: group.Main("l2"), Name: "Lab", At: now}))(t)
	must(commands.MoveDevice(t.Context(), b.h, request(admin()), tenant, moved[0], lab))(t)
	if f := failures(b.run(undo)); len(f) != 1 || f[job.Item(moved[0])] != "moved_since" {
		t.Errorf("the undo failed for %v, want %s alone", f, moved[0])
	}
	where := b.truth().devices
	if where[moved[0]] != lab || where[moved[1]] != group.Main("l1") || where[moved[2]] != group.Main("l1") {
		t.Errorf("devices stand at %v", where)
	}
	b.consistent("undone")
	if f := failures(b.run(undo)); len(f) != 3 { // they no longer stand where the job put them
		t.Errorf("undone twice: %v", f)
	}
}

func TestLabelAndRemoveMany(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 10)
	devices := []domain.DeviceID{b.enroll(tid), b.enroll(tid)}
	accept := func(j job.ID, order job.Order) func(commands.Request) (commands.Result, error) {
		return func(rq commands.Request) (commands.Result, error) {
			return commands.AcceptJob(t.Context(), b.h, rq, job.Accept{Tenant: tenant, Job: j, Order: order, Items: itemsOf(devices), At: now})
		}
	}
	b.run(accept("j1", job.Order{Action: job.LabelDevices, Label: "Kasse"}))
	b.run(accept("j2", job.Order{Action: job.RemoveDevices, Reason: "replaced"}))
	labeled, gone := 0, 0
	for _, r := range b.log() {
		switch e := r.Event.(type) {
		case device.Relabeled:
			if e.To == "Kasse" {
				labeled++
			}
		case device.Removed:
			if e.Reason == "replaced" {
				gone++
			}
		}
	}
	if labeled != 2 || gone != 2 {
		t.Errorf("%d devices labeled, %d removed, want 2 and 2", labeled, gone)
	}
	b.consistent("removed")
}
