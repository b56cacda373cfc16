package agent_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"avportal/http/agent/wire"
)

// guards waits until a report tells that a guard is on or off.
func (d *device) guard(name string, on bool) {
	d.t.Helper()
	d.portal.Wait(name, func() bool {
		if len(d.portal.Reports) == 0 {
			return false
		}
		is, there := d.portal.Reports[len(d.portal.Reports)-1].Guards[name]
		return there && is == on
	})
}

func (d *device) threats(n int) {
	d.t.Helper()
	d.portal.Wait("threats", func() bool { return len(d.portal.Open) == n })
}

func TestFilesAreScannedAsTheyAreWritten(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	stop := d.run()
	c := &wire.Configuration{Profile: "p1", Edition: 1, Protection: wire.Protection{Realtime: true, Web: true, Spam: true}}
	if r := d.transmit("t1", c); !r.OK || !strings.Contains(r.Detail, "does not have: web, spam") || strings.Contains(r.Detail, "realtime") {
		t.Fatalf("the answer is %+v", r)
	}
	d.guard(wire.GuardRealtime, true)
	if !d.status().Realtime.On {
		t.Errorf("the status: %+v", d.status().Realtime)
	}
	path := d.infect("new.bin")
	d.threats(1)
	if err := os.Mkdir(filepath.Join(d.root, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	d.infect("folder/other.bin")
	d.threats(2)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d.threats(1)
	if s := d.status(); s.LastScan != nil {
		t.Errorf("it passes for the last scan: %+v", s.LastScan)
	}
	d.portal.View(func() {
		for name := range d.portal.Reports[len(d.portal.Reports)-1].Guards {
			if name == wire.GuardWeb || name == wire.GuardSpam {
				t.Errorf("the device says that it has %s", name)
			}
		}
	})

	// The guard comes back with the agent, and goes with the settings.
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if s := d.status().Realtime; s.On {
		t.Errorf("on without an agent: %+v", s)
	}
	stop = d.run()
	d.guard(wire.GuardRealtime, true)
	c.Edition, c.Protection.Realtime = 2, false
	d.transmit("t2", c)
	d.guard(wire.GuardRealtime, false)
	d.infect("late.bin")
	d.command("s1", wire.KindScan, wire.ProfileFull)
	if r := d.result("s1"); r.Scan.Infected != 2 {
		t.Errorf("the scan finds %+v", r.Threats)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// What settings exclude is not scanned when it is written either.
func TestExclusionsHoldForTheRealtimeGuard(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	d.run()
	kept := filepath.Join(d.root, "kept")
	if err := os.Mkdir(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	c := &wire.Configuration{Profile: "p1", Edition: 1, Protection: wire.Protection{Realtime: true}, Exclusions: wire.Exclusions{Paths: []string{kept}}}
	if r := d.transmit("t1", c); !r.OK {
		t.Fatalf("the answer is %+v", r)
	}
	d.infect("kept/quarantine.bin")
	d.infect("new.bin")
	d.threats(1)
	d.portal.View(func() {
		for _, threat := range d.portal.Open {
			if !strings.HasSuffix(threat.Path, "new.bin") {
				t.Errorf("found %+v", threat)
			}
		}
	})
}

// A guard that can't be on is off, with a reason.
func TestAGuardThatCannotBeOn(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	d.run()
	if err := os.Remove(d.root); err != nil {
		t.Fatal(err)
	}
	r := d.transmit("t1", &wire.Configuration{Profile: "p1", Edition: 1, Protection: wire.Protection{Realtime: true}})
	if !r.OK || !strings.Contains(r.Detail, "realtime is off: there is no folder") {
		t.Errorf("the answer is %+v", r)
	}
	d.guard(wire.GuardRealtime, false)
	if s := d.status().Realtime; s.On || s.Problem == "" {
		t.Errorf("the status: %+v", s)
	}
}
