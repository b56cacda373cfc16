package agent_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"avportal/cmd/avagent/engine/enginetest"
	"avportal/http/agent/wire"
)

func (d *device) transmit(id string, c *wire.Configuration) wire.CommandResult {
	d.t.Helper()
	d.portal.Offer(wire.Command{ID: id, Kind: wire.KindApplyProfile, Configuration: c, ExpiresAt: time.Now().Add(time.Hour)})
	return d.result(id)
}

// applied waits until a report tells that an edition is in force, and answers it.
func (d *device) applied(edition int) (last wire.Report) {
	d.t.Helper()
	d.portal.Wait("a report of the edition", func() bool {
		for _, r := range d.portal.Reports {
			if r.Applied != nil && r.Applied.Edition == edition {
				last = r
				return true
			}
		}
		return false
	})
	return last
}

func TestTheSettingsOfAProfile(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	d.run()
	if first := d.applied(0); first.Applied.Profile != "" {
		t.Errorf("at first %+v is in force", first.Applied)
	}
	kept := filepath.Join(d.root, "kept")
	if err := os.Mkdir(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	d.infect("kept/quarantine.bin")
	d.infect("new.bin")
	c := &wire.Configuration{
		Profile: "p1", Edition: 3, Protection: wire.Protection{Web: true}, Exclusions: wire.Exclusions{Paths: []string{kept}},
		Autoscan: wire.Autoscan{Enabled: true, Scan: wire.ProfileQuick, Schedule: wire.Schedule{Every: wire.EveryDay, Time: "12:00"}},
	}
	if r := d.transmit("t1", c); !r.OK || r.Code != wire.ResultDone || !strings.Contains(r.Detail, "edition 3") || !strings.Contains(r.Detail, "web") {
		t.Errorf("the answer is %+v", r)
	}
	if r := d.applied(3); r.Applied.Profile != "p1" || !r.Guards[wire.GuardAutoscan] {
		t.Errorf("the report tells %+v, %v", r.Applied, r.Guards)
	}
	d.command("s1", wire.KindScan, wire.ProfileFull)
	if r := d.result("s1"); r.Scan.Infected != 1 || len(r.Threats) != 1 || !strings.HasSuffix(r.Threats[0].Path, "new.bin") {
		t.Errorf("with an exclusion the scan finds %+v", r.Threats)
	}
	d.command("s2", wire.KindScan, wire.ProfilePath, kept)
	if r := d.result("s2"); !r.OK || r.Scan.Infected != 0 {
		t.Errorf("a scan of what is excluded: %+v", r)
	}
	d.command("s3", wire.KindScan, wire.ProfileRemovable)
	if r := d.result("s3"); !r.OK { // there are none within the root
		t.Errorf("removable media: %+v", r)
	}
	c.Edition, c.Exclusions = 4, wire.Exclusions{}
	d.transmit("t2", c)
	d.command("s4", wire.KindScan, wire.ProfileSystem)
	if r := d.result("s4"); r.Scan.Infected != 2 {
		t.Errorf("without it the scan finds %+v", r.Threats)
	}
	if r := d.transmit("t3", nil); r.OK || r.Code != wire.ResultInvalid {
		t.Errorf("without settings: %+v", r)
	}
}

// The scan of the schedule is made as soon as it is due, over an own scan profile, and only then.
// Signatures are fetched through the proxy that the profile names, as soon as it is in force.
func TestUpdatesGoThroughTheProxyOfTheProfile(t *testing.T) {
	enginetest.Install(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "portal.ndb", time.Now().Add(-time.Hour), strings.NewReader(enginetest.Line("Portal.Test.Fetched")))
	}))
	defer server.Close()
	proxy, opened := enginetest.Proxy(t, server.Listener.Addr().String())
	d := newDevice(t)
	d.source = "http://signatures.invalid/portal.ndb"
	d.Agent = d.start(0)
	d.enroll()
	d.run()
	if r := d.transmit("c1", &wire.Configuration{Profile: "p1", Edition: 1, Updates: wire.Updates{Proxy: proxy}}); !r.OK {
		t.Fatalf("the settings: %+v", r)
	}
	d.portal.Offer(wire.Command{ID: "c2", Kind: wire.KindUpdate, ExpiresAt: time.Now().Add(time.Hour)})
	if r := d.result("c2"); !r.OK || opened.Load() == 0 {
		t.Errorf("the update: %+v; the proxy let %d through", r, opened.Load())
	}
}

func TestAutoscan(t *testing.T) {
	d := newDevice(t)
	d.enroll()
	stop := d.run()
	d.infect("late.bin")
	soon := time.Now().Add(2 * time.Minute)
	c := &wire.Configuration{
		Profile: "p1", Edition: 1, ScanProfiles: []wire.OwnScan{{ID: "all", Name: "All", Paths: []string{d.root}}},
		Autoscan: wire.Autoscan{Enabled: true, Scan: "all", Schedule: wire.Schedule{Every: wire.EveryDay, Time: soon.Format("15:04")}},
	}
	if r := d.transmit("t1", c); !r.OK {
		t.Fatalf("the answer is %+v", r)
	}
	d.applied(1)
	if s := d.status(); s.LastScan != nil {
		t.Errorf("scanned before it was due: %+v", s.LastScan)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	d.AutoscanAt(t, time.Now().AddDate(0, 0, -2)) // the device was off when it was due
	d.run()
	d.portal.Wait("the scan", func() bool {
		for _, r := range d.portal.Reports {
			if r.LastScan != nil && r.LastScan.Profile == wire.ProfilePath && r.LastScan.Infected == 1 {
				return true
			}
		}
		return false
	})
}
