package devices

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/group"
	"avportal/domain/license"
	"avportal/domain/reseller"
	"avportal/projections/fleettest"
	"avportal/projections/postgres/postgrestest"
	"avportal/projections/projectiontest"
)

func facts(hostname string) device.Facts {
	return device.Facts{
		Hostname: hostname, OS: "windows", OSVersion: "11", Arch: "amd64", IP: "10.0.0.1", Domain: "PRAXIS",
		ClientVersion: "1.4.0", Engine: "clamd", EngineVersion: "1.4.1", SignatureVersion: "27460", SignatureDate: fleettest.Now.Add(-time.Hour),
	}
}

// oneDevice is a fleet of one device, d1, in group l1.main of customer c1.
func oneDevice() *fleettest.Fleet {
	f := fleettest.New()
	f.Customer("c1", "Praxis")
	f.License("l1", "c1", "Praxis AV", 10, fleettest.Now.AddDate(1, 0, 0))
	f.Device("d1", "c1", "l1.main", 1, facts("PC-1"))
	return f
}

type line struct {
	Hostname string `db:"hostname"`
	Label    string `db:"label"`
	Threats  int16  `db:"threats"`
	Pending  int16  `db:"pending"`
	Guards   int16  `db:"guards"`
}

const lines = `SELECT hostname, label, threats, pending, guards FROM device ORDER BY device`

func TestEachEventOfADevice(t *testing.T) {
	for name, c := range map[string]struct {
		events []domain.Event
		want   []line
	}{
		"enrolled":  {nil, []line{{Hostname: "PC-1"}}},
		"relabeled": {[]domain.Event{device.Relabeled{Device: "d1", To: "Empfang"}}, []line{{Hostname: "PC-1", Label: "Empfang"}}},
		"removed":   {[]domain.Event{device.ThreatFound{Device: "d1", Threat: "t1", Open: 1}, device.Removed{Device: "d1"}}, nil},
		"guards changed": {
			[]domain.Event{device.GuardsChanged{Device: "d1", To: device.Guards{Engine: device.On, Realtime: device.Off, Autoscan: device.On}}},
			[]line{{Hostname: "PC-1", Guards: 1 | 32 | 2<<6}},
		},
		"threats found and resolved": {
			[]domain.Event{
				device.ThreatFound{Device: "d1", Threat: "t1", Open: 1}, device.ThreatFound{Device: "d1", Threat: "t2", Open: 2},
				device.ThreatResolved{Device: "d1", Threat: "t1", Open: 1},
			},
			[]line{{Hostname: "PC-1", Threats: 1}},
		},
		"requests": {
			[]domain.Event{
				device.ScanRequested{Device: "d1", Request: "r1", Profile: device.ProfileQuick}, device.UpdateRequested{Device: "d1", Request: "r2"},
				device.ScanRequested{Device: "d1", Request: "r3", Profile: device.ProfileFull},
				device.RequestSent{Device: "d1", Request: "r1"}, device.RequestStarted{Device: "d1", Request: "r1"},
				device.RequestCompleted{Device: "d1", Request: "r1", OK: true}, device.RequestAborted{Device: "d1", Request: "r2", Reason: device.AbortedByPerson},
			},
			[]line{{Hostname: "PC-1", Pending: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := oneDevice()
			for _, e := range c.events {
				f.Tell("d1", e)
			}
			projectiontest.Then(projectiontest.Run(t, View, f.Events...), lines, c.want...)
		})
	}
}

func TestObservedFactsReplaceThoseOfTheEnrollment(t *testing.T) {
	f := oneDevice()
	x := facts("PC-NEU")
	x.OSVersion, x.SignatureDate = "12", fleettest.Now.AddDate(5, 0, 0) // the device's clock is wrong
	f.Observe("d1", x)
	g := projectiontest.Run(t, View, f.Events...)
	type row struct {
		Hostname  string `db:"hostname"`
		OSVersion string `db:"os_version"`
		Date      string `db:"signature_date"`
	}
	projectiontest.Then(g, `SELECT hostname, os_version, signature_date::text FROM device JOIN platform USING (tenant, platform)`, row{"PC-NEU", "12", "2026-05-03 12:00:00+00"})
}

func TestTelemetryAfterTheRemovalMeansNothing(t *testing.T) {
	f := oneDevice()
	f.Tell("d1", device.Removed{Device: "d1"})
	f.Observe("d1", facts("PC-1"))
	projectiontest.Then[line](projectiontest.Run(t, View, f.Events...), lines)
}

func TestAMoveTakesTheDeviceAndItsCountsAlong(t *testing.T) {
	f := oneDevice()
	f.Customer("c2", "Kanzlei")
	f.License("l2", "c2", "Kanzlei AV", 5, time.Time{})
	f.Tell("d1", device.ThreatFound{Device: "d1", Threat: "t1", Open: 1})
	f.Tell("d1", device.Moved{Device: "d1", FromGroup: "l1.main", ToGroup: "l2.main", FromLicense: "l1", ToLicense: "l2", FromCustomer: "c1", ToCustomer: "c2"})
	g := projectiontest.Run(t, View, f.Events...)
	type count struct {
		License  string `db:"license"`
		Devices  int64  `db:"devices"`
		Infected int64  `db:"infected"`
	}
	projectiontest.Then(g, `SELECT coalesce(license, '') AS license, devices, infected FROM device_count LEFT JOIN place USING (tenant, place) ORDER BY 1`,
		count{"", 1, 1}, count{"l2", 1, 1})
}

func TestAGroupThatIsGoneKeepsItsNameForDevicesThatAreLate(t *testing.T) {
	f := oneDevice()
	f.Group("l1.g1", "l1.main", "Labor")
	f.Add(group.Stream(f.Tenant, "l1"), group.Renamed{Group: "l1.g1", From: "Labor", To: "Röntgen"})
	f.Add(group.Stream(f.Tenant, "l1"), group.Moved{Group: "l1.g1", From: "l1.main", To: "l1.main"})
	f.Add(group.Stream(f.Tenant, "l1"), group.Deleted{Group: "l1.g1", Parent: "l1.main", Name: "Röntgen"})
	type row struct {
		Name    string `db:"name"`
		Deleted bool   `db:"deleted"`
	}
	projectiontest.Then(projectiontest.Run(t, View, f.Events...), `SELECT name, deleted FROM place WHERE parent <> 0`, row{"Röntgen", true})
}

func TestNamesAndThresholdsFollowTheirEvents(t *testing.T) {
	f := oneDevice()
	f.Add(license.Stream(f.Tenant, "l1"), license.Renamed{License: "l1", To: "Neu"})
	f.Add(license.Stream(f.Tenant, "l1"), license.Renewed{License: "l1", To: fleettest.Now.AddDate(3, 0, 0)})
	th := domain.DefaultThresholds()
	th.SilentDays = 21
	f.Add(reseller.Stream(f.Tenant), reseller.ThresholdsChanged{To: th})
	type row struct {
		Name   string `db:"name"`
		Until  string `db:"valid_until"`
		Silent int32  `db:"silent_days"`
	}
	projectiontest.Then(projectiontest.Run(t, View, f.Events...), `SELECT name, valid_until::text, silent_days FROM device_license JOIN device_thresholds USING (tenant)`,
		row{"Neu", "2029-05-03 12:00:00+00", 21})
}

func TestAnEventOfAnUnknownDeviceStopsTheView(t *testing.T) {
	f := oneDevice()
	f.Tell("d2", device.Relabeled{Device: "d2", To: "x"})
	if err := projectiontest.Refuses(t, View, f.Events...); !strings.Contains(err.Error(), "d2") {
		t.Errorf("the refusal does not name the device: %v", err)
	}
}

func TestGuardsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var g device.Guards
		for _, guard := range guardList(&g) {
			*guard = rapid.SampledFrom([]device.Guard{device.Absent, device.Off, device.On}).Draw(t, "guard")
		}
		if got := unpackGuards(packGuards(g)); got != g {
			t.Fatalf("%+v came back as %+v", g, got)
		}
	})
}

// Any history of moves, threats, requests and telemetry gives the same rows and counters in every way that events arrive.
func TestAnyHistoryGivesTheSameRowsInEveryWay(t *testing.T) {
	db := postgrestest.Pool(t)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		if run++; run > 10 {
			return // each takes half a second, since a view is built in five ways
		}
		v := View
		v.Name = fmt.Sprintf("devices%d", run)
		f := oneDevice()
		f.License("l2", "c1", "Zweite", 10, time.Time{})
		f.Group("l1.g1", "l1.main", "Labor")
		known, open, pending := []domain.DeviceID{"d1"}, map[domain.DeviceID]int{}, map[domain.DeviceID][]device.RequestID{}
		groups := []domain.GroupID{"l1.main", "l1.g1", "l2.main"}
		for i := range rapid.IntRange(1, 25).Draw(r, "events") {
			d := rapid.SampledFrom(known).Draw(r, "device")
			switch rapid.IntRange(0, 8).Draw(r, "what") {
			case 0:
				d = domain.DeviceID(fmt.Sprintf("n%d", i))
				known = append(known, d)
				f.Device(d, "c1", rapid.SampledFrom(groups).Draw(r, "group"), i, facts(string(d)))
			case 1:
				f.Tell(d, device.Moved{Device: d, ToGroup: rapid.SampledFrom(groups).Draw(r, "group")})
			case 2:
				open[d]++
				f.Tell(d, device.ThreatFound{Device: d, Threat: fmt.Sprintf("t%d", open[d]), Open: open[d]})
			case 3:
				if open[d] > 0 {
					f.Tell(d, device.ThreatResolved{Device: d, Threat: fmt.Sprintf("t%d", open[d]), Open: open[d] - 1})
					open[d]--
				}
			case 4:
				x := facts("later")
				x.SignatureDate = fleettest.Now.Add(-time.Duration(rapid.IntRange(0, 500).Draw(r, "hours")) * time.Hour)
				f.Observe(d, x)
			case 5:
				q := device.RequestID(fmt.Sprintf("q%d", i))
				pending[d] = append(pending[d], q)
				f.Tell(d, device.UpdateRequested{Device: d, Request: q, At: fleettest.Now})
			case 6:
				if n := len(pending[d]); n > 0 {
					f.Tell(d, device.RequestCompleted{Device: d, Request: pending[d][n-1], OK: true, At: fleettest.Now})
					pending[d] = pending[d][:n-1]
				}
			case 7:
				f.Tell(d, device.GuardsChanged{Device: d, To: device.Guards{Engine: device.Guard(rapid.IntRange(0, 2).Draw(r, "engine"))}})
			case 8:
				if len(known) > 1 && d == known[len(known)-1] {
					f.Tell(d, device.Removed{Device: d})
					known = known[:len(known)-1]
				}
			}
		}
		projectiontest.CheckAll(r, db, v, f.Events, rand.New(rand.NewPCG(1, 2))) //nolint:gosec // not a secret
	})
}

func TestTheDayOfSignatures(t *testing.T) {
	for _, c := range []struct {
		date time.Time
		want int16
	}{
		{time.Time{}, noDay}, {time.Unix(-1, 0), 0}, {time.Unix(0, 0), 0}, {time.Unix(86_399, 999), 0}, {time.Unix(86_400, 0), 1},
		{time.Date(2026, 5, 3, 1, 0, 0, 0, time.FixedZone("", 2*3600)), 20_575}, {time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), math.MaxInt16},
	} {
		if got := dayOf(c.date); got != c.want {
			t.Errorf("%v is of day %d, want %d", c.date, got, c.want)
		}
	}
}
