package commands_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/job"
	"avportal/domain/license"
	"avportal/eventstore"
)

// breaking is a store whose process dies at the n-th append: written, but never answered, or not written at all.
type breaking struct {
	eventstore.Store
	left    atomic.Int64
	written bool
}

func killedAt(n int, written bool, store eventstore.Store) *breaking {
	s := &breaking{Store: store, written: written}
	s.left.Store(int64(n))
	return s
}

var errKilled = fmt.Errorf("killed: %w", context.Canceled)

func (s *breaking) Append(ctx context.Context, stream domain.Stream, expected eventstore.Revision, events []eventstore.Proposed) (eventstore.Appended, error) {
	left := s.left.Add(-1)
	if left < 0 {
		return eventstore.Appended{}, errKilled
	}
	if left > 0 {
		return s.Store.Append(ctx, stream, expected, events)
	}
	if s.written {
		if _, err := s.Store.Append(ctx, stream, expected, events); err != nil {
			return eventstore.Appended{}, err
		}
	}
	return eventstore.Appended{}, errKilled
}

type place struct {
	license domain.LicenseID
	device  domain.DeviceID
}

// truth is who has a seat, who stands in a tree, and where devices say they stand.
type truth struct {
	seats   map[domain.LicenseID][]domain.DeviceID
	members map[place]domain.GroupID // a device may be in two trees while it moves
	devices map[domain.DeviceID]domain.GroupID
}

func (b bench) truth() truth {
	tr := truth{map[domain.LicenseID][]domain.DeviceID{}, map[place]domain.GroupID{}, map[domain.DeviceID]domain.GroupID{}}
	for _, r := range b.log() {
		switch e := r.Event.(type) {
		case license.Activated:
			tr.seats[e.License] = append(tr.seats[e.License], e.Device)
		case license.Released:
			tr.seats[e.License] = slices.DeleteFunc(tr.seats[e.License], func(d domain.DeviceID) bool { return d == e.Device })
		case group.DeviceAdded:
			tr.members[place{e.Group.License(), e.Device}] = e.Group
		case group.DeviceMoved:
			tr.members[place{e.To.License(), e.Device}] = e.To
		case group.DeviceRemoved:
			delete(tr.members, place{e.Group.License(), e.Device})
		case device.Enrolled:
			tr.devices[e.Device] = e.Group
		case device.Moved:
			tr.devices[e.Device] = e.ToGroup
		case device.Removed:
			delete(tr.devices, e.Device)
		}
	}
	return tr
}

// consistent says what is wrong: every device has one seat and one place, the place it says, and nobody else has any.
func (b bench) consistent(what string) {
	b.Helper()
	tr := b.truth()
	for d, g := range tr.devices {
		if in := tr.members[place{g.License(), d}]; in != g {
			b.Errorf("%s: device says %s, tree says %q", what, g, in)
		}
		if !slices.Contains(tr.seats[g.License()], d) {
			b.Errorf("%s: a device stands in %s without a seat", what, g)
		}
	}
	seats := 0
	for _, holders := range tr.seats {
		seats += len(holders)
	}
	if seats != len(tr.devices) || len(tr.members) != len(tr.devices) {
		b.Errorf("%s: %d devices, %d seats taken, %d places taken", what, len(tr.devices), seats, len(tr.members))
	}
}

// settleAll runs the policy over the log until nothing more follows.
func (b bench) settleAll() {
	b.Helper()
	h := commands.New(b.store)
	for {
		all := b.log()
		for _, r := range all {
			if err := commands.SettleAfter(b.Context(), h, r); err != nil {
				b.Fatal(err)
			}
		}
		if len(b.log()) == len(all) {
			return
		}
	}
}

// Each flow is killed at each of its appends, with and without the append being written. Then it is settled, or
// repeated, or settled and repeated: nothing stays half done.
func TestFlowsBrokenOffAnywhere(t *testing.T) {
	type scene struct {
		bench
		tid    domain.TID
		device domain.DeviceID
		guid   string
		rq     commands.Request
	}
	other := domain.NewGroupID("l1", "other")
	flows := map[string]func(*scene, *commands.Handler) error{
		"enroll": func(s *scene, h *commands.Handler) error {
			_, _, err := commands.EnrollDevice(s.Context(), h, s.rq, commands.Enrollment{TID: string(s.tid), GUID: s.guid})
			return err
		},
		"move in tree": func(s *scene, h *commands.Handler) error {
			_, err := commands.MoveDevice(s.Context(), h, s.rq, tenant, s.device, other)
			return err
		},
		"move to another license": func(s *scene, h *commands.Handler) error {
			_, err := commands.MoveDevice(s.Context(), h, s.rq, tenant, s.device, group.Main("l2"))
			return err
		},
		"remove": func(s *scene, h *commands.Handler) error {
			_, err := commands.RemoveDevice(s.Context(), h, s.rq, device.Remove{Tenant: tenant, Device: s.device, At: now})
			return err
		},
	}
	for name, flow := range flows {
		for at := 1; ; at++ {
			broken := false
			for variant := range 6 {
				written, settle, repeat := variant%2 == 0, variant/2 != 1, variant/2 != 0
				s := &scene{bench: setup(t), guid: uuid.NewString(), rq: request(admin())}
				s.tid = s.license("l1", 5)
				s.license("l2", 5)
				must(commands.Do[group.State](t.Context(), s.h, request(admin()), group.Create{Tenant: tenant, Group: other, Parent: group.Main("l1"), Name: "Other", At: now}))(t)
				s.device = s.enroll(s.tid)
				what := fmt.Sprintf("%s killed at append %d (written %v), settled %v, repeated %v", name, at, written, settle, repeat)

				err := flow(s, commands.New(killedAt(at, written, s.store)))
				broken = broken || err != nil
				if settle {
					s.settleAll()
					s.consistent(what + ", after settling")
				}
				if repeat {
					if err := flow(s, commands.New(s.store)); err != nil {
						t.Errorf("%s: the repetition is refused: %v", what, err)
					}
					s.settleAll()
					s.consistent(what)
				}
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

func TestAMoveNeedsRightsOnBothSides(t *testing.T) {
	b := setup(t)
	d := b.enroll(b.license("l1", 5))
	b.license("l2", 5)
	limited := admin()
	limited.Role, limited.Customer = domain.CustomerAdmin, "c-l1"
	if _, err := commands.MoveDevice(t.Context(), b.h, request(limited), tenant, d, group.Main("l2")); !errors.Is(err, group.ErrUnknownGroup) {
		t.Errorf("to a foreign license: %v, want unknown_group", err)
	}
	limited.Customer = "c-l2"
	if _, err := commands.MoveDevice(t.Context(), b.h, request(limited), tenant, d, group.Main("l2")); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("a foreign device: %v, want ErrNotFound", err)
	}
	b.consistent("refused moves")
}

func TestAMoveIntoAFullLicenseChangesNothing(t *testing.T) {
	b := setup(t)
	d := b.enroll(b.license("l1", 5))
	b.enroll(b.license("l2", 1))
	if _, err := commands.MoveDevice(t.Context(), b.h, request(admin()), tenant, d, group.Main("l2")); !errors.Is(err, license.ErrNoSeats) {
		t.Errorf("%v, want ErrNoSeats", err)
	}
	b.consistent("full license")
}

func TestARemovedDevicesGUIDBecomesAnotherDevice(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 5)
	again := func() domain.DeviceID {
		e, _, err := commands.EnrollDevice(t.Context(), b.h, request(admin()), commands.Enrollment{TID: string(tid), GUID: "6f1c5e0a-0000-4000-8000-000000000001"})
		if err != nil {
			t.Fatal(err)
		}
		return e.Device
	}
	first := again()
	if same := again(); same != first {
		t.Errorf("the same GUID gave %s and %s", first, same)
	}
	must(commands.RemoveDevice(t.Context(), b.h, request(admin()), device.Remove{Tenant: tenant, Device: first, At: now}))(t)
	if next := again(); next == first {
		t.Error("a removed device came back to life")
	}
	b.consistent("enrolled again")
}

func TestAJobGivesEachItemItsResult(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 50)
	var items []domain.DeviceID
	for range 40 {
		items = append(items, b.enroll(tid))
	}
	other := domain.NewGroupID("l1", "other")
	must(commands.Do[group.State](t.Context(), b.h, request(admin()), group.Create{Tenant: tenant, Group: other, Parent: group.Main("l1"), Name: "Other", At: now}))(t)
	must(commands.RemoveDevice(t.Context(), b.h, request(admin()), device.Remove{Tenant: tenant, Device: items[3], At: now}))(t)

	accept := job.Accept{Tenant: tenant, Job: "j1", Order: job.Order{Action: job.MoveDevices, To: other}, Items: itemsOf(items), At: now}
	must(commands.AcceptJob(t.Context(), b.h, request(admin()), accept))(t)
	accepted := b.log()[len(b.log())-1]
	for n := 1; n < 60; n += 7 { // killed again and again, each time by a process of its own
		err := commands.RunJob(t.Context(), commands.New(killedAt(n, n%2 == 0, b.store)), accepted)
		if err == nil {
			break
		}
	}
	for range 2 { // and delivered again after it was done
		if err := commands.RunJob(t.Context(), commands.New(b.store), accepted); err != nil {
			t.Fatal(err)
		}
	}
	err := commands.Inspect(t.Context(), b.h, job.Stream(tenant, "j1"), func(s job.State, _ eventstore.Revision) {
		done, total, failed := s.Progress()
		if !s.Ended() || done != 40 || total != 40 || failed != 1 {
			t.Errorf("ended %v, %d of %d, %d failed; want ended, 40 of 40, 1 failed", s.Ended(), done, total, failed)
		}
		for _, r := range s.Results() {
			if r.OK == (r.Item == job.Item(items[3])) {
				t.Errorf("device %s: %+v", r.Item, r)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	b.consistent("job")
	moves := 0
	for _, r := range b.log() {
		if m, ok := r.Event.(device.Moved); ok && m.ToGroup == other {
			moves++
		}
	}
	if moves != 39 {
		t.Errorf("%d moves, want 39: each once", moves)
	}
}

// One foreign or missing device refuses the whole job, wherever it stands, and leaves nothing behind.
func TestAJobWithOneForeignItemIsRefused(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 20)
	b.license("l2", 5)
	var items []domain.DeviceID
	for range 10 {
		items = append(items, b.enroll(tid))
	}
	strange := b.enroll(domain.NewTID(tenant, "l2", [10]byte{1, 2, 3}))
	limited := admin()
	limited.Role, limited.Customer = domain.CustomerAdmin, "c-l1"
	before := len(b.log())
	for at := range len(items) {
		for _, odd := range []domain.DeviceID{strange, "not-there"} {
			withOdd := slices.Clone(items)
			withOdd[at] = odd
			_, err := commands.AcceptJob(t.Context(), b.h, request(limited), job.Accept{
				Tenant: tenant, Customer: "c-l1", Job: "j1", Order: job.Order{Action: job.ScanDevices, Profile: "quick"}, Items: itemsOf(withOdd), At: now,
			})
			if !errors.Is(err, domain.ErrNotFound) {
				t.Errorf("%s at %d: %v, want ErrNotFound", odd, at, err)
			}
		}
	}
	if n := len(b.log()); n != before {
		t.Errorf("%d events were left behind", n-before)
	}
}
