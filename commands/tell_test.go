package commands_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/domain/notice"
	"avportal/domain/reseller"
	"avportal/eventstore"
)

// tell runs the policy over the whole log, as a portal does that begins anew, and gives what has been raised so far.
func (b bench) tell(h *commands.Handler, at time.Time) (raised []notice.Raised) {
	b.Helper()
	for _, r := range b.log() {
		if err := commands.TellOf(b.Context(), h, r, at); err != nil {
			b.Fatal(err)
		}
	}
	for _, r := range b.log() {
		if e, ok := r.Event.(notice.Raised); ok {
			raised = append(raised, e)
		}
	}
	return raised
}

func kinds(raised []notice.Raised) (all []domain.Notice) {
	for _, e := range raised {
		all = append(all, e.Kind)
	}
	return all
}

func (b bench) report(id domain.DeviceID, guards device.Guards, threats ...device.Threat) {
	b.Helper()
	rq := request(domain.DeviceActor(id, domain.Scope{Tenant: tenant}))
	must(commands.Do[device.State](b.Context(), b.h, rq, device.Report{Tenant: tenant, Device: id, Guards: guards, Threats: threats, At: now}))(b.T)
}

func TestWhatHappensToADeviceIsTold(t *testing.T) {
	b := setup(t)
	d := b.enroll(b.license("l1", 10))
	on, off := device.Guards{Realtime: device.On, Web: device.On}, device.Guards{Realtime: device.Off, Web: device.On}
	b.report(d, on, device.Threat{ID: "t1", Name: "Test.Virus", Path: "/a"}, device.Threat{ID: "t2", Name: "Test.Virus", Path: "/b"}, device.Threat{ID: "t3", Name: "Other", Path: "/b"})
	b.report(d, off)
	b.report(d, on)
	update := device.RequestUpdate{Tenant: tenant, Device: d, Request: "r1", At: now}
	must(commands.Do[device.State](t.Context(), b.h, request(admin()), update))(t)
	self := request(domain.DeviceActor(d, domain.Scope{Tenant: tenant}))
	must(commands.Do[device.State](t.Context(), b.h, self, device.Complete{Tenant: tenant, Device: d, Request: "r1", Code: "no_network", Detail: "no route", At: now}))(t)
	must(commands.RemoveDevice(t.Context(), b.h, request(admin()), device.Remove{Tenant: tenant, Device: d, At: now}))(t)

	raised := b.tell(b.h, now)
	want := []domain.Notice{
		domain.NoticeInstalled, domain.NoticeVirusFound, domain.NoticeVirusFound, domain.NoticeGuardOff, domain.NoticeCommandFailed, domain.NoticeRemoved,
	}
	if !slices.Equal(kinds(raised), want) {
		t.Fatalf("told %v, want %v", kinds(raised), want)
	}
	for _, e := range raised {
		if s := e.Subject; s != (notice.Subject{Customer: "c-l1", License: "l1", Group: "l1.main", Device: d}) || e.Facts.Name != "pc" {
			t.Errorf("%s is about %+v, %q", e.Kind, s, e.Facts.Name)
		}
	}
	if f := raised[1].Facts; f.Threat != "Test.Virus" || f.Path != "/a" {
		t.Errorf("the infection is %+v", f)
	}
	if f := raised[3].Facts; !slices.Equal(f.Guards, []string{"realtime"}) {
		t.Errorf("switched off: %v", f.Guards)
	}
	if f := raised[4].Facts; f.Request != "update" || f.Code != "no_network" || f.Detail != "no route" {
		t.Errorf("the command is %+v", f)
	}
}

// A portal that crashes between reacting and noting so reacts again, and two portals may react at once.
func TestToldOnceByManyPortals(t *testing.T) {
	b := setup(t)
	tid := b.license("l1", 3)
	for range 3 {
		b.report(b.enroll(tid), device.Guards{}, device.Threat{ID: "t1", Name: "Test.Virus"})
	}
	events := b.log()
	var portals sync.WaitGroup
	for range 4 {
		portals.Go(func() {
			h := commands.New(b.store)
			for _, r := range events {
				for range 2 {
					if err := commands.TellOf(t.Context(), h, r, now); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	portals.Wait()
	raised := b.tell(commands.New(b.store), now.Add(notice.Recent))
	seen := map[notice.ID]bool{}
	for _, e := range raised {
		if seen[e.Notice] {
			t.Errorf("%s is told twice", e.Notice)
		}
		seen[e.Notice] = true
	}
	if len(raised) != 7 { // three installed, three infected, no seat left
		t.Errorf("told %v", kinds(raised))
	}
}

func TestAnOldLogIsNotTold(t *testing.T) {
	b := setup(t)
	b.report(b.enroll(b.license("l1", 1)), device.Guards{}, device.Threat{ID: "t1", Name: "Test.Virus"})
	if raised := b.tell(b.h, now.Add(notice.Recent+time.Second)); len(raised) > 0 {
		t.Errorf("told %v", kinds(raised))
	}
}

func TestSeatsByTheResellersThreshold(t *testing.T) {
	for percent, want := range map[int][]domain.Notice{
		50:  {domain.NoticeSeatsNearlyUsedUp, domain.NoticeSeatsUsedUp, domain.NoticeSeatsNearlyUsedUp},
		90:  {domain.NoticeSeatsUsedUp, domain.NoticeSeatsNearlyUsedUp},
		100: {domain.NoticeSeatsUsedUp},
	} {
		b := setup(t)
		operator := request(domain.Actor{Kind: domain.ActorUser, ID: "o", Role: domain.Operator})
		must(commands.Do[reseller.State](t.Context(), b.h, operator, reseller.Register{Tenant: tenant, Name: "R", Language: reseller.German, At: now}))(t)
		th := domain.DefaultThresholds()
		th.SeatsPercent = percent
		must(commands.Do[reseller.State](t.Context(), b.h, request(admin()), reseller.ChangeThresholds{Tenant: tenant, Thresholds: th, At: now}))(t)
		tid := b.license("l1", 4)
		var told []domain.Notice
		step := func() {
			told = told[:0]
			for _, k := range kinds(b.tell(b.h, now)) {
				if k != domain.NoticeInstalled {
					told = append(told, k)
				}
			}
		}
		for range 4 {
			b.enroll(tid)
			step()
		}
		seats := func(n int) {
			must(commands.Do[license.State](t.Context(), b.h, request(admin()), license.ChangeSeats{Tenant: tenant, License: "l1", Seats: n, At: now}))(t)
			step()
		}
		seats(44) // 4 of 44: nothing
		if percent == 90 {
			seats(1000)
			for range 32 {
				b.enroll(tid)
			}
			seats(40) // 36 of 40
		} else {
			seats(7) // 4 of 7
		}
		if !slices.Equal(told, want) {
			t.Errorf("from %d %% on: %v, want %v", percent, told, want)
		}
	}
}

func TestTheSameEpisodeIsOneNotice(t *testing.T) {
	b := setup(t)
	c := notice.Raise{Tenant: tenant, Kind: domain.NoticeOutdated, Subject: notice.Subject{Customer: "c1", Device: "d1", License: "l1"}, Episode: "2026-05-01", Happened: now, At: now}
	moved, later, other := c, c, c
	moved.Subject.Customer, moved.Subject.License = "c2", "l2" // the device is another customer's now
	later.Episode, other.Subject.Device = "2026-05-02", "d2"
	for _, c := range []notice.Raise{c, c, moved, later, other} {
		rq := commands.Request{Actor: domain.SystemActor("watch", tenant), At: now, ID: uuid.New()}
		if err := commands.Tell(t.Context(), b.h, rq, c); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(b.log()); n != 3 {
		t.Errorf("%d notices, want 3", n)
	}
	for r, err := range b.store.Read(t.Context(), notice.Stream(tenant, commands.NoticeID(tenant, c.Kind, c.Subject, c.Episode)), eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if e := r.Event.(notice.Raised); e.Subject != c.Subject {
			t.Errorf("the notice is about %+v", e.Subject)
		}
	}
}

// A device that was away for long tells what it has met meanwhile. What is gone by now is history.
func TestAThreatOfLongAgoIsToldIfItIsThereStill(t *testing.T) {
	b := setup(t)
	d := b.enroll(b.license("l1", 10))
	long := now.Add(-notice.Recent - time.Hour)
	b.report(d, device.Guards{},
		device.Threat{ID: "t1", Name: "Gone", FoundAt: long, Resolved: true, ResolvedAt: long}, device.Threat{ID: "t2", Name: "There", FoundAt: long},
		device.Threat{ID: "t3", Name: "Blocked", FoundAt: now, Resolved: true, ResolvedAt: now})
	var told []string
	for _, e := range b.tell(b.h, now) {
		told = append(told, e.Facts.Threat)
	}
	if !slices.Equal(told, []string{"", "There", "Blocked"}) {
		t.Errorf("told %q", told)
	}
}
