package portal

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"avportal/commands"
	"avportal/domain"
	"avportal/domain/catalog"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/domain/notice"
	"avportal/domain/reseller"
	"avportal/domain/user"
	"avportal/eventstore"
	"avportal/eventstore/memory"
	"avportal/projections"
	"avportal/projections/devices"
	"avportal/projections/fleettest"
	"avportal/projections/licenses"
	"avportal/projections/users"
)

const daily = 24 * time.Hour

func ago(days float64) time.Time {
	return fleettest.Now.Add(-time.Duration(days * float64(daily)))
}

// aging is a reseller some of whose devices, licenses and invitations have been forgotten.
func aging() *fleettest.Fleet {
	f := fleettest.New()
	f.Customer("c1", "Praxis")
	for id, left := range map[domain.LicenseID]float64{"in20": 20, "in6": 6, "today": 0.5, "over": -2, "longover": -4, "far": 300} {
		f.License(id, "c1", string(id), 10, ago(-left))
	}
	f.License("endless", "c1", "endless", 0, time.Time{})
	for i, signed := range []float64{1, 6.9, 8, 11, 400} {
		f.Device(domain.DeviceID(fmt.Sprintf("d%d", i)), "c1", "far.main", i+1, device.Facts{Hostname: fmt.Sprintf("PC-%d", i), SignatureDate: ago(signed)})
	}
	f.Tell("d0", device.ThreatFound{Device: "d0", Threat: "t0", Name: "Test.Virus", Path: "/a", FoundAt: ago(0.5), Open: 1})
	f.AddAt(device.Stream(f.Tenant, "d1"), ago(1.5), device.ThreatFound{Device: "d1", Threat: "t1", Name: "Test.Virus", Path: "/a", FoundAt: ago(1.5), Open: 1})
	f.AddAt(device.Stream(f.Tenant, "d1"), ago(1.4), device.ThreatFound{Device: "d1", Threat: "t2", Name: "Test.Virus", Path: "/b", FoundAt: ago(1.4), Open: 2})
	f.AddAt(device.Stream(f.Tenant, "d2"), ago(1.5), device.ThreatFound{Device: "d2", Threat: "t1", Name: "Test.Virus", Path: "/a", FoundAt: ago(1.5), Open: 1})
	f.Tell("d2", device.ThreatResolved{Device: "d2", Threat: "t1"})
	for id, over := range map[domain.UserID]float64{"u1": 0.1, "u2": -0.1, "u3": 30, "u4": 0.1} {
		f.Add(user.Stream(f.Tenant, id), user.Invited{Tenant: f.Tenant, Customer: "c1", User: id, Role: domain.CustomerAdmin, ExpiresAt: ago(over)})
	}
	f.Add(user.Stream(f.Tenant, "u4"), user.Accepted{User: "u4", Person: "p4"})
	return f
}

type watched struct {
	*watcher
	store *memory.Store
	shown *fleettest.Served
}

func watching(t *testing.T, fleets ...*fleettest.Fleet) watched {
	t.Helper()
	s := fleettest.Serve(t, []projections.View{devices.View, licenses.View, users.View}, fleets...)
	store := memory.New(catalog.Registry())
	return watched{&watcher{
		commands: commands.New(store), views: s.Readers, begun: fleettest.Now.Add(-daily),
		failed: func(err error, what string) { t.Errorf("%s: %v", what, err) },
	}, store, s}
}

// raised lists what has been raised of a tenant, in the order of the alphabet.
func (w watched) raised(t *testing.T, of domain.Tenant) (all []string) {
	t.Helper()
	for r, err := range w.store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(t, err)
		if e := r.Event.(notice.Raised); e.Tenant == of {
			all = append(all, fmt.Sprintf("%s %s%s%s", e.Kind, e.Facts.Name, e.Subject.User, e.Facts.Threat))
			if e.Subject.Customer != "c1" {
				t.Errorf("%s is told to %q", e.Kind, e.Subject.Customer)
			}
		}
	}
	slices.Sort(all)
	return all
}

// What became so within the last three days, by each reseller's thresholds, is told once; what has been so for long is not.
func TestWhatTimeBringsAboutIsTold(t *testing.T) {
	usual, patient := aging(), aging()
	th := domain.DefaultThresholds()
	th.SignatureWarningDays, th.SignatureOutdatedDays, th.SilentDays, th.ExpiringDays = 5, 10, 20, 20
	patient.Add(reseller.Stream(patient.Tenant), reseller.ThresholdsChanged{From: domain.DefaultThresholds(), To: th})
	w := watching(t, usual, patient)
	for _, f := range []*fleettest.Fleet{usual, patient} {
		w.shown.See(t, f.Tenant, map[domain.DeviceID]time.Time{"d0": ago(0), "d1": ago(13), "d2": ago(15), "d3": ago(21), "d4": ago(90)})
	}
	want := map[domain.Tenant][]string{
		usual.Tenant: {
			"cleaning_failed PC-1Test.Virus", "invitation_expired u1", "license_expired over", "license_expiring in6", "license_expiring today",
			"not_seen PC-2", "outdated PC-2",
		},
		patient.Tenant: {
			"cleaning_failed PC-1Test.Virus", "invitation_expired u1", "license_expired over", "license_expiring in20", "license_expiring in6", "license_expiring today",
			"not_seen PC-3", "outdated PC-3",
		},
	}
	for range 2 {
		w.look(t.Context(), fleettest.Now)
		w.told = nil // another portal, or this one after a restart
		for of, list := range want {
			if got := w.raised(t, of); !slices.Equal(got, list) {
				t.Errorf("told\n%q, want\n%q", got, list)
			}
		}
	}
	w.look(t.Context(), fleettest.Now.Add(5*daily)) // away meanwhile: what came before is history
	if late := w.raised(t, usual.Tenant); slices.Contains(late, "license_expired today") {
		t.Errorf("after five days: %q", late)
	}
}

// While a portal was away, no device could be heard of.
func TestAPortalThatHasJustBegunCallsNobodySilent(t *testing.T) {
	f := aging()
	w := watching(t, f)
	w.shown.See(t, f.Tenant, map[domain.DeviceID]time.Time{"d0": ago(15)})
	w.begun = fleettest.Now.Add(-listenFirst + time.Second)
	w.look(t.Context(), fleettest.Now)
	if got := w.raised(t, f.Tenant); slices.Contains(got, "not_seen PC-0") {
		t.Errorf("told %q", got)
	}
	w.look(t.Context(), fleettest.Now.Add(time.Minute))
	if got := w.raised(t, f.Tenant); !slices.Contains(got, "not_seen PC-0") {
		t.Errorf("after an hour: %q", got)
	}
}

// A license is told of at each step before its end, and again after it was renewed.
func TestALicenseIsToldOfStepByStep(t *testing.T) {
	f := fleettest.New()
	f.Customer("c1", "Praxis")
	f.License("l1", "c1", "Praxis", 10, ago(-30))
	w := watching(t, f)
	var days []int
	for hours := 0; hours <= 31*24; hours += 12 {
		w.look(t.Context(), fleettest.Now.Add(time.Duration(hours)*time.Hour))
	}
	for r, err := range w.store.ReadAll(t.Context(), eventstore.Position{}, eventstore.Forward, 0) {
		check(t, err)
		days = append(days, r.Event.(notice.Raised).Facts.Days)
	}
	if !slices.Equal(days, []int{30, 7, 1, 0}) {
		t.Errorf("told %v days before the end", days)
	}
	f.Add(license.Stream(f.Tenant, "l1"), license.Renewed{License: "l1", From: ago(-30), To: ago(-60)})
	renewed := watching(t, f)
	renewed.commands, renewed.store = w.commands, w.store
	renewed.look(t.Context(), ago(-30))
	if got := w.raised(t, f.Tenant); len(got) != 5 {
		t.Errorf("after the renewal: %q", got)
	}
}
