package dashboard

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/license"
	"avportal/domain/reseller"
	"avportal/projections"
	"avportal/projections/devices"
	"avportal/projections/fleettest"
	"avportal/projections/licenses"
	"avportal/projections/projectiontest"
	"avportal/projections/states"
)

func now() time.Time { return fleettest.Now }

func views() []projections.View { return []projections.View{View, licenses.View, devices.View} }

// story is a tenant with something in every tile, most of it of customer c1.
func story() *fleettest.Fleet {
	f := fleettest.New()
	f.Customer("c1", "Praxis")
	f.Customer("c2", "Kanzlei")
	f.License("l1", "c1", "Gültig", 4, now().AddDate(1, 0, 0))
	f.License("l2", "c1", "Bald", 100, now().AddDate(0, 0, 30))
	f.License("l3", "c1", "Gestern", 10, now().AddDate(0, 0, -1))
	f.License("l4", "c1", "Eben", 10, now())
	f.License("l5", "c2", "Monatlich", 0, time.Time{})
	for i, days := range []int{0, 4, 8, 20} {
		id := domain.DeviceID(fmt.Sprintf("d%d", i))
		f.Device(id, "c1", "l1.main", i+1, device.Facts{Hostname: fmt.Sprintf("PC-%d", i), SignatureDate: now().AddDate(0, 0, -days)})
	}
	f.Device("k", "c2", "l5.main", 1, device.Facts{Hostname: "KANZLEI"})
	f.Add(license.Stream(f.Tenant, "l2"), license.Activated{License: "l2", Device: "x", Used: 90})
	f.Tell("d1", device.ThreatFound{Device: "d1", Threat: "t1", FoundAt: now().Add(-2 * time.Hour), Open: 1})
	f.Tell("d2", device.ThreatFound{Device: "d2", Threat: "t2", FoundAt: now().Add(-time.Hour), Open: 1})
	f.Tell("d1", device.GuardsChanged{Device: "d1", To: device.Guards{Engine: device.On, Mail: device.Off}})
	return f
}

func TestTheDashboardOfATenantAndOfACustomer(t *testing.T) {
	f := story()
	theirs := story()
	theirs.Tell("d3", device.ThreatFound{Device: "d3", Threat: "t3", Open: 1})
	s := fleettest.Serve(t, views(), f, theirs)
	s.See(t, f.Tenant, map[domain.DeviceID]time.Time{"d0": now(), "d1": now().Add(-2 * time.Hour), "d2": now().AddDate(0, 0, -15), "d3": now().AddDate(0, 0, -31), "k": now()})
	s.See(t, theirs.Tenant, map[domain.DeviceID]time.Time{"d0": now(), "d1": now()})
	for _, c := range []struct {
		scope domain.Scope
		want  string
	}{
		{
			f.Scope(), "customers 2 devices 5 infected 2 threats 2 current 1 warning 1 outdated 1 critical 1 unknown 1 online 2 offline 1 silent 1 stale 1 yellow 1 not told 4 " +
				"licenses {5 2 1 2 1 1} [PC-2 PC-1] [PC-3 PC-2] [Eben Gestern] [Bald]",
		},
		{
			domain.Scope{Tenant: f.Tenant, Customer: "c1"}, "customers 1 devices 4 infected 2 threats 2 current 1 warning 1 outdated 1 critical 1 unknown 0 online 1 offline 1 silent 1 stale 1 yellow 1 not told 3 " +
				"licenses {4 1 1 2 1 1} [PC-2 PC-1] [PC-3 PC-2] [Eben Gestern] [Bald]",
		},
		{
			domain.Scope{Tenant: f.Tenant, Customer: "c2"}, "customers 1 devices 1 infected 0 threats 0 current 0 warning 0 outdated 0 critical 0 unknown 1 online 1 offline 0 silent 0 stale 0 yellow 0 not told 1 " +
				"licenses {1 1 0 0 0 0} [] [] [] []",
		},
		{
			domain.Scope{Tenant: f.Tenant, Customer: "nobody"}, "customers 0 devices 0 infected 0 threats 0 current 0 warning 0 outdated 0 critical 0 unknown 0 online 0 offline 0 silent 0 stale 0 yellow 0 not told 0 " +
				"licenses {0 0 0 0 0 0} [] [] [] []",
		},
	} {
		d, err := Get(t.Context(), s.Readers, c.scope, now(), 5)
		if err != nil {
			t.Fatal(err)
		}
		if got := tell(d); got != c.want {
			t.Errorf("%+v\n got %s\nwant %s", c.scope, got, c.want)
		}
	}
	d, err := Get(t.Context(), s.Readers, f.Scope(), now(), 0)
	if err != nil || d.Devices.Infected != 2 || d.InfectedDevices != nil || d.ExpiredLicenses != nil {
		t.Errorf("without entries: %+v, %v", d, err)
	}
}

func tell(d Dashboard) string {
	n := d.Devices
	hosts := func(list []devices.Device) (out []string) {
		for _, x := range list {
			out = append(out, x.Hostname)
		}
		return out
	}
	names := func(list []licenses.License) (out []string) {
		for _, x := range list {
			out = append(out, x.Name)
		}
		return out
	}
	return fmt.Sprintf("customers %d devices %d infected %d threats %d current %d warning %d outdated %d critical %d unknown %d online %d offline %d silent %d stale %d yellow %d not told %d licenses %v %v %v %v %v",
		d.Customers, n.Devices, n.Infected, n.Threats,
		n.Signatures[states.SignaturesCurrent], n.Signatures[states.SignaturesWarning], n.Signatures[states.SignaturesOutdated], n.Signatures[states.SignaturesCritical], n.Signatures[states.SignaturesUnknown],
		n.Contact[states.Online], n.Contact[states.Offline], n.Contact[states.Silent], n.Contact[states.Stale],
		n.Protection[device.Yellow], n.Protection[device.Unknown],
		d.Licenses, hosts(d.InfectedDevices), hosts(d.OutdatedDevices), names(d.ExpiredLicenses), names(d.ExpiringLicenses))
}

func TestThresholdsOfTheResellerApplyAtOnceToWhatIsCounted(t *testing.T) {
	f := story()
	th := domain.DefaultThresholds()
	th.ExpiringDays, th.SeatsPercent, th.SignatureWarningDays, th.SignatureOutdatedDays = 29, 95, 8, 12
	f.Add(reseller.Stream(f.Tenant), reseller.ThresholdsChanged{To: th})
	s := fleettest.Serve(t, views(), f)
	d, err := Get(t.Context(), s.Readers, f.Scope(), now(), 5)
	if err != nil {
		t.Fatal(err)
	}
	if want := (LicenseCounts{Total: 5, Valid: 3, Expiring: 0, Expired: 2, NearlyUsedUp: 0, UsedUp: 1}); d.Licenses != want {
		t.Errorf("licenses %+v, want %+v", d.Licenses, want)
	}
	if n := d.Devices.Signatures; n[states.SignaturesCurrent] != 3 || n[states.SignaturesOutdated] != 0 || n[states.SignaturesCritical] != 1 {
		t.Errorf("signatures %v", n)
	}
	// Nothing happens but the passing of a day: one license ends, one device's signatures grow too old.
	if d, err = Get(t.Context(), s.Readers, f.Scope(), now().AddDate(0, 0, 30), 5); err != nil || d.Licenses.Expired != 3 || d.Devices.Signatures[states.SignaturesCurrent] != 0 {
		t.Errorf("30 days later: %+v, %v", d, err)
	}
}

func TestCountersFollowLicensesInEveryWay(t *testing.T) {
	f := story()
	f.Add(license.Stream(f.Tenant, "l3"), license.Renewed{License: "l3", To: now().AddDate(2, 0, 0)})
	f.Add(license.Stream(f.Tenant, "l1"), license.SeatsChanged{License: "l1", From: 4, To: 40})
	f.Add(license.Stream(f.Tenant, "l2"), license.Released{License: "l2", Device: "x", Used: 89})
	g := projectiontest.Run(t, View, f.Events...)
	type seats struct {
		Percent  int32 `db:"percent"`
		Licenses int64 `db:"licenses"`
	}
	projectiontest.Then(g, `SELECT percent, licenses FROM license_seats_count WHERE customer = '' ORDER BY 1`, seats{0, 2}, seats{10, 1}, seats{89, 1})
	type ends struct {
		Span     int16 `db:"span"`
		Ended    bool  `db:"ended"`
		Licenses int64 `db:"licenses"`
	}
	projectiontest.Then(g, `SELECT span, span > 0 AND until <= '2026-05-03 12:00:00Z' AS ended, sum(licenses)::bigint AS licenses
		FROM license_end_count WHERE customer = '' GROUP BY 1, 2 ORDER BY 1, 2`,
		ends{0, false, 5}, // the one without an end among them
		ends{1, false, 3}, ends{1, true, 1},
		ends{2, false, 3}, ends{2, true, 1})
}

var large = flag.Bool("large", false, "benchmarks with a million devices as well: a minute and a gigabyte more")

// BenchmarkDashboard asks for the figures alone, and for the figures with ten entries in each list.
func BenchmarkDashboard(b *testing.B) {
	sizes := []int{1_000, 100_000}
	if *large {
		sizes = append(sizes, 1_000_000)
	}
	var names []string
	var figures, entries []func() error
	for _, n := range sizes {
		s, f := fleettest.Many(b, views(), n)
		get := func(entries int) func() error {
			return func() error {
				_, err := Get(context.Background(), s.Readers, f.Scope(), now(), entries)
				return err
			}
		}
		names, figures, entries = append(names, strconv.Itoa(n)), append(figures, get(0)), append(entries, get(10))
	}
	b.Run("figures", func(b *testing.B) { fleettest.Compare(b, names, figures) })
	b.Run("entries", func(b *testing.B) { fleettest.Compare(b, names, entries) })
}
