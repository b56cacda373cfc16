package agent_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"avportal/cmd/avagent/portaltest"
	"avportal/http/agent/wire"
)

func TestAnOutageLosesNothingAndChangesNoOrder(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	stop := d.run()
	d.portal.Wait("first report", func() bool { return len(d.portal.Reports) == 1 })
	d.portal.Down()
	for i := range 3 { // three times infected and healthy, unseen by the portal
		path := d.infect(fmt.Sprint("evil", i))
		scanned, threats, err := d.Scan(t.Context(), wire.ProfileFull, nil)
		if err != nil || scanned.Infected != 1 || len(threats) != 1 {
			t.Fatalf("scan %d: %+v, %+v, %v", i, scanned, threats, err)
		}
		if i == 1 { // and a restart in the middle
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			stop = d.run()
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if _, threats, err = d.Scan(t.Context(), wire.ProfileQuick, nil); err != nil || len(threats) != 1 || !threats[0].Resolved {
			t.Fatalf("rescan %d: %+v, %v", i, threats, err)
		}
	}
	d.portal.Up()
	d.portal.Wait("all reports", func() bool { return len(d.portal.Reports) == 7 })
	d.portal.View(func() {
		for i, r := range d.portal.Reports[1:] {
			if len(r.Threats) != 1 || r.Threats[0].Path != filepath.Join(d.root, fmt.Sprint("evil", i/2)) || r.Threats[0].Resolved != (i%2 == 1) {
				t.Errorf("report %d tells %+v", i, r.Threats)
			}
		}
		if len(d.portal.Open) != 0 {
			t.Errorf("open at the end: %v", d.portal.Open)
		}
	})
	d.waitForEmptyQueue()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := d.status(); s.Queue.Entries != 0 || s.Queue.Dropped != 0 || s.Queue.Rejected != 0 {
		t.Errorf("queue at the end: %+v", s.Queue)
	}
}

func TestEveryCallMayGoWrongInAnyWay(t *testing.T) {
	for name, fault := range map[string]portaltest.Fault{
		"unavailable": portaltest.Unavailable, "unreadable answer": portaltest.Page, "answer lost": portaltest.Lost,
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t)
			d.enroll()
			failed := map[string]bool{} // every call fails the first time it is made
			d.portal.Faults(func(r *http.Request) portaltest.Fault {
				if failed[r.URL.Path] {
					return portaltest.None
				}
				failed[r.URL.Path] = true
				return fault
			})
			d.infect("evil")
			d.run()
			d.command("c1", wire.KindScan, wire.ProfileFull)
			d.result("c1")
			d.portal.Wait("threat in a report", func() bool {
				n := len(d.portal.Reports)
				return n > 0 && len(d.portal.Reports[n-1].Threats) == 1
			})
			d.portal.View(func() {
				if len(d.portal.Open) != 1 || len(failed) != 4 {
					t.Errorf("open %v, failed calls %v", d.portal.Open, failed)
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	var at []time.Time
	d.portal.Faults(func(r *http.Request) portaltest.Fault {
		if r.URL.Path != wire.ReportsPath {
			return portaltest.None
		}
		if at = append(at, time.Now()); len(at) < 3 {
			return portaltest.Unavailable
		}
		return portaltest.None
	})
	d.run()
	d.portal.Wait("report", func() bool { return len(d.portal.Reports) == 1 })
	d.portal.View(func() {
		for i := 1; i < len(at); i++ {
			if gap := at[i].Sub(at[i-1]); gap < time.Second {
				t.Errorf("attempt %d came %v after a Retry-After of 1 s", i, gap)
			}
		}
	})
}

func TestWhatThePortalWillNeverTakeDoesNotBlockTheQueue(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	first := true
	d.portal.Faults(func(r *http.Request) portaltest.Fault {
		if r.URL.Path == wire.ReportsPath && first {
			first = false
			return portaltest.BadRequest
		}
		return portaltest.None
	})
	d.run()
	d.command("c1", wire.KindScan, wire.ProfileFull)
	d.result("c1")
	if s := d.status(); s.Queue.Rejected != 1 {
		t.Errorf("queue %+v, want one refused", s.Queue)
	}
}

func TestAnUnknownCredentialKeepsTheQueueAndSaysSo(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	d.portal.Faults(func(*http.Request) portaltest.Fault { return portaltest.Unknown })
	stop := d.run()
	d.portal.Wait("both loops refused", func() bool { return len(d.portal.Requests) >= 3 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := d.status(); s.Queue.Entries != 1 || !strings.Contains(s.Problem, wire.CodeUnauthorized) {
		t.Errorf("queue %+v, problem %q", s.Queue, s.Problem)
	}
}
