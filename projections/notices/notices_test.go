package notices

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/notice"
	"avportal/domain/user"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
	"avportal/projections/projectiontest"
)

func now() time.Time { return fleettest.Now }

func raise(f *fleettest.Fleet, id notice.ID, kind domain.Notice, of domain.CustomerID, ago time.Duration) {
	f.Add(notice.Stream(f.Tenant, id), notice.Raised{
		Tenant: f.Tenant, Notice: id, Kind: kind, Subject: notice.Subject{Customer: of, License: "l1", Group: "l1.main", Device: "d1"}, Episode: "e",
		Facts: notice.Facts{Name: "PC", Guards: []string{"web"}, Until: now()}, Happened: now().Add(-ago - time.Second), At: now().Add(-ago),
	})
}

// some are five notices, the newest first by number, of which u1 has read n3 and n1, and all that is 4 minutes old.
func some() *fleettest.Fleet {
	f := fleettest.New()
	raise(f, "n0", domain.NoticeVirusFound, "c1", 0)
	raise(f, "n1", domain.NoticeInstalled, "c1", time.Minute)
	raise(f, "n2", domain.NoticeVirusFound, "c2", time.Minute)
	raise(f, "n3", domain.NoticeGuardOff, "c1", 3*time.Minute)
	raise(f, "n4", domain.NoticeInvitationExpired, "", 4*time.Minute)
	raise(f, "n5", domain.NoticeVirusFound, "c1", Shown)
	me := user.Stream(f.Tenant, "u1")
	f.Add(me, user.NoticesRead{User: "u1", Until: now().Add(-5 * time.Minute)})
	f.Add(me, user.NoticeRead{User: "u1", Notice: "n1"})
	f.Add(me, user.NoticesRead{User: "u1", Until: now().Add(-4 * time.Minute)})
	f.Add(me, user.NoticeRead{User: "u1", Notice: "n3"})
	f.Add(me, user.NoticeRead{User: "u1", Notice: "n3"})
	return f
}

func TestANoticeIsShownAsItWasRaised(t *testing.T) {
	f := some()
	g := projectiontest.Run(t, View, f.Events...)
	want := Notice{
		ID: "n1", Kind: domain.NoticeInstalled, At: now().Add(-time.Minute), Happened: now().Add(-time.Minute - time.Second),
		Subject: notice.Subject{Customer: "c1", License: "l1", Group: "l1.main", Device: "d1"}, Facts: notice.Facts{Name: "PC", Guards: []string{"web"}, Until: now()}, Read: true,
	}
	if got, err := Get(t.Context(), g.DB(), Reader{f.Scope(), "u1"}, now(), "n1"); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestNewestFirstAndOnlyOnesOwn(t *testing.T) {
	ours, theirs := some(), fleettest.New()
	raise(theirs, "nx", domain.NoticeVirusFound, "c1", 0)
	s := fleettest.Serve(t, []projections.View{View}, ours, theirs)
	all, one, token := Reader{ours.Scope(), "u1"}, Reader{domain.Scope{Tenant: ours.Tenant, Customer: "c1"}, "u1"}, Reader{ours.Scope(), ""}
	for _, c := range []struct {
		who    Reader
		filter Filter
		want   string
	}{
		{all, Filter{}, "n0 n2 n1r n3r n4r"},
		{all, Filter{Unread: true}, "n0 n2"},
		{all, Filter{Kinds: []domain.Notice{domain.NoticeVirusFound, domain.NoticeGuardOff}}, "n0 n2 n3r"},
		{all, Filter{Severities: []domain.Severity{domain.Info}}, "n1r n4r"},
		{all, Filter{Severities: []domain.Severity{domain.Info}, Kinds: []domain.Notice{domain.NoticeVirusFound}}, ""},
		{all, Filter{Since: now().Add(-time.Minute)}, "n0 n2 n1r"},
		{one, Filter{}, "n0 n1r n3r"},
		{token, Filter{Unread: true}, "n0 n2 n1 n3 n4"},
		{Reader{ours.Scope(), "u2"}, Filter{}, "n0 n2 n1 n3 n4"},
		{Reader{theirs.Scope(), "u1"}, Filter{}, "nx"},
	} {
		got := ""
		for cursor := ""; ; {
			p, err := List(t.Context(), s.Readers, c.who, now(), c.filter, page.Paging{Cursor: cursor, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range p.Items {
				got += map[bool]string{true: " "}[got != ""] + string(n.ID) + map[bool]string{true: "r"}[n.Read]
			}
			if cursor = p.Next; cursor == "" {
				break
			}
		}
		if got != c.want {
			t.Errorf("%+v %+v: got %q, want %q", c.who, c.filter, got, c.want)
		}
	}
	for _, who := range []Reader{{theirs.Scope(), "u1"}, {domain.Scope{Tenant: ours.Tenant, Customer: "c1"}, "u1"}} {
		if _, err := Get(t.Context(), s.Readers, who, now(), "n2"); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("n2 for %+v: %v", who, err)
		}
	}
	if _, err := Get(t.Context(), s.Readers, all, now(), "n5"); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("one of 90 days ago: %v", err)
	}
	for who, want := range map[Reader]string{all: "map[virus_found:2]", one: "map[virus_found:1]", token: "map[guard_off:1 installed:1 invitation_expired:1 virus_found:2]"} {
		if got, err := Unread(t.Context(), s.Readers, who, now()); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%+v: %v unread, %v, want %s", who, got, err, want)
		}
	}
}

// What was raised before somebody came is shown to him, as read.
func TestWhoComesLaterHasReadWhatWasBefore(t *testing.T) {
	for _, came := range []domain.Event{user.Accepted{User: "u2"}, user.Admitted{User: "u2"}} {
		f := fleettest.New()
		raise(f, "before", domain.NoticeVirusFound, "c1", 2*time.Hour)
		f.AddAt(user.Stream(f.Tenant, "u2"), now().Add(-time.Hour), came)
		raise(f, "after", domain.NoticeVirusFound, "c1", time.Minute)
		s := fleettest.Serve(t, []projections.View{View}, f)
		list, err := List(t.Context(), s.Readers, Reader{Scope: f.Scope(), User: "u2"}, now(), Filter{}, page.Paging{})
		if err != nil || len(list.Items) != 2 || list.Items[0].Read || !list.Items[1].Read {
			t.Errorf("%T: %+v, %v", came, list.Items, err)
		}
	}
}

func TestCountingHasAnEnd(t *testing.T) {
	f := fleettest.New()
	for i := range MaxCounted + 5 {
		raise(f, notice.ID(fmt.Sprintf("n%04d", i)), domain.NoticeInstalled, "c1", 0)
	}
	s := fleettest.Serve(t, []projections.View{View}, f)
	if got, err := Unread(t.Context(), s.Readers, Reader{f.Scope(), "u1"}, now()); err != nil || got[domain.NoticeInstalled] != MaxCounted {
		t.Errorf("%v unread, %v", got, err)
	}
}
