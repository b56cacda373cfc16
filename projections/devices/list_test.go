package devices

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/domain/reseller"
	"avportal/projections"
	"avportal/projections/fleettest"
	"avportal/projections/page"
	"avportal/projections/states"
)

func now() time.Time { return fleettest.Now }

func serve(tb testing.TB, fleets ...*fleettest.Fleet) *fleettest.Served {
	tb.Helper()
	return fleettest.Serve(tb, []projections.View{View}, fleets...)
}

// names answers the host names of all pages of a list, asked for limit by limit.
func names(tb testing.TB, s *fleettest.Served, scope domain.Scope, f Filter, limit int) []string {
	tb.Helper()
	var all []string
	for cursor := ""; ; {
		p, err := List(tb.Context(), s.Readers, scope, now(), f, page.Paging{Cursor: cursor, Limit: limit})
		if err != nil {
			tb.Fatal(err)
		}
		if len(p.Items) > limit {
			tb.Fatalf("a page of %d rows, asked for %d", len(p.Items), limit)
		}
		for _, d := range p.Items {
			all = append(all, d.Hostname)
		}
		if cursor = p.Next; cursor == "" {
			return all
		}
	}
}

func expect(tb testing.TB, s *fleettest.Served, scope domain.Scope, f Filter, want ...string) {
	tb.Helper()
	for _, limit := range []int{1, 2, 50} {
		if got := names(tb, s, scope, f, limit); !slices.Equal(got, want) {
			tb.Errorf("%+v by %d:\n got %q\nwant %q", f, limit, got, want)
		}
	}
	if n, err := Total(tb.Context(), s.Readers, scope, now(), f); err != nil || n != len(want) {
		tb.Errorf("%+v: total %d, %v, want %d", f, n, err, len(want))
	}
}

func TestTheListIsInGermanOrder(t *testing.T) {
	f := oneDevice()
	for i, name := range []string{"Zoo", "Äpfel", "apfel", "Apfelsine", "ärzte", "Öl", "Ofen", "strasse", "Straße", "Über", "ufer", "Zoo"} {
		f.Device(domain.DeviceID(fmt.Sprintf("x%02d", i)), "c1", "l1.main", i, facts(name))
	}
	s := serve(t, f)
	want := []string{"apfel", "Äpfel", "Apfelsine", "ärzte", "Ofen", "Öl", "PC-1", "strasse", "Straße", "Über", "ufer", "Zoo", "Zoo"}
	expect(t, s, f.Scope(), Filter{}, want...)
	expect(t, s, f.Scope(), Filter{License: "l1"}, want...) // read place by place
	slices.Reverse(want)
	expect(t, s, f.Scope(), Filter{Descending: true}, want...)
}

// fleet is a tenant with two customers, three licenses and a tree of groups.
func fleet() *fleettest.Fleet {
	f := fleettest.New()
	f.Customer("c1", "Praxis")
	f.Customer("c2", "Kanzlei")
	f.License("l1", "c1", "Praxis AV", 10, now().AddDate(1, 0, 0))
	f.License("l2", "c1", "Praxis alt", 10, now())
	f.License("l3", "c2", "Kanzlei AV", 10, now().Add(30*24*time.Hour))
	f.Group("l1.a", "l1.main", "Anmeldung")
	f.Group("l1.b", "l1.a", "Bereitschaft")
	for i, d := range []struct {
		id     domain.DeviceID
		group  domain.GroupID
		change func(*device.Facts)
	}{
		{"a", "l1.main", func(x *device.Facts) { x.IP = "192.0.2.17" }},
		{"b", "l1.a", func(x *device.Facts) { x.OS, x.Arch = "linux", "arm64" }},
		{"c", "l1.b", func(x *device.Facts) { x.Domain = "LABOR" }},
		{"d", "l2.main", func(x *device.Facts) { x.ClientVersion = "1.3.9" }},
		{"e", "l3.main", func(x *device.Facts) { x.SignatureDate = time.Time{} }},
	} {
		x := facts("PC-" + strings.ToUpper(string(d.id)))
		d.change(&x)
		of := domain.CustomerID("c1")
		if d.group.License() == "l3" {
			of = "c2"
		}
		f.Device(d.id, of, d.group, i+1, x)
	}
	f.Tell("b", device.Relabeled{Device: "b", To: "100% Büro_1"})
	f.Tell("b", device.ThreatFound{Device: "b", Threat: "t1", Open: 1})
	f.Tell("e", device.ThreatFound{Device: "e", Threat: "t1", Open: 1})
	f.Tell("e", device.ThreatFound{Device: "e", Threat: "t2", Open: 2})
	f.Tell("c", device.UpdateRequested{Device: "c", Request: "r1", At: now()})
	for id, g := range map[domain.DeviceID]device.Guards{
		"a": {Engine: device.On}, "b": {Engine: device.On, Mail: device.Off}, "c": {Engine: device.Off},
	} {
		f.Tell(id, device.GuardsChanged{Device: id, To: g})
	}
	return f
}

func TestEachFilter(t *testing.T) {
	f := fleet()
	s := serve(t, f)
	yes, no := true, false
	for _, c := range []struct {
		filter Filter
		want   []string
	}{
		{Filter{}, []string{"PC-A", "PC-B", "PC-C", "PC-D", "PC-E"}},
		{Filter{Customer: "c1"}, []string{"PC-A", "PC-B", "PC-C", "PC-D"}},
		{Filter{License: "l1"}, []string{"PC-A", "PC-B", "PC-C"}},
		{Filter{Group: "l1.main"}, []string{"PC-A"}},
		{Filter{Group: "l1.a", Subgroups: true}, []string{"PC-B", "PC-C"}},
		{Filter{Group: "l1.main", Subgroups: true}, []string{"PC-A", "PC-B", "PC-C"}},
		{Filter{Customer: "c2", License: "l1"}, nil},
		{Filter{Infected: &yes}, []string{"PC-B", "PC-E"}},
		{Filter{Infected: &no, Customer: "c1"}, []string{"PC-A", "PC-C", "PC-D"}},
		{Filter{Pending: &yes}, []string{"PC-C"}},
		{Filter{Pending: &no}, []string{"PC-A", "PC-B", "PC-D", "PC-E"}},
		{Filter{Protection: []device.Protection{device.Green}}, []string{"PC-A"}},
		{Filter{Protection: []device.Protection{device.Yellow, device.Red}}, []string{"PC-B", "PC-C"}},
		{Filter{Protection: []device.Protection{device.Unknown}}, []string{"PC-D", "PC-E"}},
		{Filter{Signatures: []states.Signatures{states.SignaturesUnknown}}, []string{"PC-E"}},
		{Filter{Signatures: []states.Signatures{states.SignaturesCurrent, states.SignaturesUnknown}}, []string{"PC-A", "PC-B", "PC-C", "PC-D", "PC-E"}},
		{Filter{Validity: []states.Validity{states.Expired}}, []string{"PC-D"}},
		{Filter{Validity: []states.Validity{states.Valid, states.Expiring}}, []string{"PC-A", "PC-B", "PC-C", "PC-E"}},
		{Filter{OS: []string{"linux"}}, []string{"PC-B"}},
		{Filter{OS: []string{"linux", "windows"}, ClientVersion: []string{"1.3.9"}}, []string{"PC-D"}},
		{Filter{Arch: []string{"none"}}, nil},
		{Filter{Search: "pc-b"}, []string{"PC-B"}},
		{Filter{Search: "BÜRO"}, []string{"PC-B"}},
		{Filter{Search: "100%"}, []string{"PC-B"}},
		{Filter{Search: "o_1"}, []string{"PC-B"}},
		{Filter{Search: "_"}, []string{"PC-B"}},
		{Filter{Search: `\`}, nil},
		{Filter{Search: "192.0.2"}, []string{"PC-A"}},
		{Filter{Search: "labor"}, []string{"PC-C"}},
		{Filter{Search: "' OR 1=1 --"}, nil},
	} {
		expect(t, s, f.Scope(), c.filter, c.want...)
	}
}

func TestEachOrder(t *testing.T) {
	f := fleet()
	s := serve(t, f)
	s.See(t, f.Tenant, map[domain.DeviceID]time.Time{"a": now(), "b": now().Add(-time.Hour), "c": now().Add(-2 * time.Hour), "d": now().Add(-3 * time.Hour)})
	for order, want := range map[Sort]string{
		ByHostname: "ABCDE", ByLabel: "ACDEB", ByCustomer: "EABCD", ByLicense: "EDABC", ByGroup: "BCEDA", ByIP: "BCDEA", ByOS: "BACDE",
		ByClientVersion: "DABCE", BySignature: "EABCD", ByThreats: "ACDBE", ByLastScan: "ABCDE", ByEnrolledAt: "ABCDE",
		ByPending: "ABDEC", ByProtection: "ADEBC", ByLastSeen: "DCBAE",
	} {
		var up []string
		for _, c := range want {
			up = append(up, "PC-"+string(c))
		}
		expect(t, s, f.Scope(), Filter{Sort: order}, up...)
		down := names(t, s, f.Scope(), Filter{Sort: order, Descending: true}, 2)
		if slices.Sort(up); !slices.Equal(sorted(down), up) {
			t.Errorf("by %s downward: %q are not all devices", order, down)
		}
	}
	expect(t, s, f.Scope(), Filter{Sort: ByThreats, Descending: true}, "PC-E", "PC-B", "PC-A", "PC-C", "PC-D")
	expect(t, s, f.Scope(), Filter{Sort: ByLastSeen, Descending: true}, "PC-A", "PC-B", "PC-C", "PC-D", "PC-E")
	expect(t, s, f.Scope(), Filter{Sort: BySignature, Descending: true}, "PC-A", "PC-B", "PC-C", "PC-D", "PC-E")
	expect(t, s, f.Scope(), Filter{Sort: BySignature, License: "l1"}, "PC-A", "PC-B", "PC-C")
	expect(t, s, f.Scope(), Filter{Sort: ByThreats, Customer: "c1", Descending: true}, "PC-B", "PC-A", "PC-C", "PC-D")
	if _, err := List(t.Context(), s.Readers, f.Scope(), now(), Filter{Sort: "hostname; DROP TABLE device"}, page.Paging{}); !errors.Is(err, domain.ErrInvalid) {
		t.Errorf("an unknown order: %v", err)
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func TestAllAboutADevice(t *testing.T) {
	f := fleet()
	s := serve(t, f)
	s.See(t, f.Tenant, map[domain.DeviceID]time.Time{"b": now().Add(-2 * time.Hour)})
	got, err := Get(t.Context(), s.Readers, f.Scope(), now(), "b")
	if err != nil {
		t.Fatal(err)
	}
	want := Device{
		ID: "b", Hostname: "PC-B", Label: "100% Büro_1",
		Customer: "c1", CustomerName: "Praxis", License: "l1", LicenseName: "Praxis AV", ValidUntil: now().AddDate(1, 0, 0), Validity: states.Valid,
		Group: "l1.a", GroupName: "Anmeldung", IP: "10.0.0.1", Domain: "PRAXIS", OS: "linux", OSVersion: "11", Arch: "arm64",
		ClientVersion: "1.4.0", Engine: "clamd", EngineVersion: "1.4.1", SignatureVersion: "27460", SignatureDate: now().Add(-time.Hour), Signatures: states.SignaturesCurrent,
		Guards: device.Guards{Engine: device.On, Mail: device.Off}, Protection: device.Yellow, Threats: 1,
		EnrolledAt: now(), LastSeen: now().Add(-2 * time.Hour), Contact: states.Offline,
	}
	if got.Device != want {
		t.Errorf("\n got %+v\nwant %+v", got, want)
	}
}

func TestForeignDevicesDoNotExist(t *testing.T) {
	ours, theirs := fleet(), fleet()
	const marker = "FOREIGN-MARKER"
	theirs.Customer("c9", marker)
	theirs.License("l9", "c9", marker, 9, time.Time{})
	theirs.Device("z", "c9", "l9.main", 1, facts(marker))
	theirs.Tell("z", device.ThreatFound{Device: "z", Threat: "t9", Name: marker, Open: 1})
	s := serve(t, ours, theirs)
	for _, order := range []Sort{ByHostname, ByLabel, ByCustomer, ByLicense, ByGroup, ByIP, ByOS, ByClientVersion, BySignature, ByProtection, ByThreats, ByLastScan, ByLastSeen, ByEnrolledAt, ByPending} {
		for _, filter := range []Filter{{Sort: order}, {Sort: order, Search: "MARKER"}, {Sort: order, License: "l9"}, {Sort: order, Group: "l9.main", Subgroups: true}, {Sort: order, Customer: "c9"}} {
			if got := names(t, s, ours.Scope(), filter, 50); slices.Contains(got, marker) {
				t.Errorf("%+v shows a foreign tenant's device", filter)
			}
		}
	}
	c2 := domain.Scope{Tenant: ours.Tenant, Customer: "c2"}
	expect(t, s, c2, Filter{}, "PC-E")
	expect(t, s, c2, Filter{License: "l1"})
	expect(t, s, c2, Filter{Customer: "c1"})
	for _, c := range []struct {
		scope domain.Scope
		id    domain.DeviceID
	}{{ours.Scope(), "z"}, {c2, "a"}, {domain.Scope{Tenant: fleettest.New().Tenant}, "a"}} {
		if _, err := Get(t.Context(), s.Readers, c.scope, now(), c.id); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("device %s in %+v: %v, want not found", c.id, c.scope, err)
		}
		if n, err := Names(t.Context(), s.Readers, c.scope, []domain.DeviceID{c.id}); err != nil || len(n) > 0 {
			t.Errorf("the name of %s in %+v: %v, %v", c.id, c.scope, n, err)
		}
	}
	n, err := Count(t.Context(), s.Readers, c2, now())
	if err != nil || n.Devices != 1 || n.Infected != 1 {
		t.Errorf("counts of a customer: %+v, %v", n, err)
	}
	p, err := List(t.Context(), s.Readers, ours.Scope(), now(), Filter{}, page.Paging{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := List(t.Context(), s.Readers, theirs.Scope(), now(), Filter{}, page.Paging{Cursor: p.Next}); !errors.Is(err, page.ErrCursor) {
		t.Errorf("a foreign cursor: %v", err)
	}
}

// Pages go by key: whatever comes and goes meanwhile, what stays is seen exactly once.
func TestPagesStayWholeWhileDevicesComeAndGo(t *testing.T) {
	for _, order := range []Sort{ByHostname, BySignature, ByThreats, ByLabel, ByLastSeen} {
		t.Run(string(order), func(t *testing.T) {
			f := oneDevice()
			random := rand.New(rand.NewPCG(7, 8)) //nolint:gosec // not a secret
			seen, stays := map[domain.DeviceID]time.Time{}, map[string]int{"PC-1": 0}
			for i := range 60 {
				id, x := domain.DeviceID(fmt.Sprintf("s%02d", i)), facts(fmt.Sprintf("PC-%02d", random.IntN(30)))
				x.Hostname += "-" + string(id)
				x.SignatureDate = now().Add(-time.Duration(random.IntN(5)) * time.Hour)
				f.Device(id, "c1", "l1.main", i, x)
				if i%7 == 0 {
					f.Tell(id, device.ThreatFound{Device: id, Threat: "t", Open: 1})
				}
				seen[id] = now().Add(-time.Duration(random.IntN(9)) * time.Minute)
				if i%3 > 0 {
					stays[x.Hostname] = 0
				}
			}
			s := serve(t, f)
			s.See(t, f.Tenant, seen)
			cursor := ""
			for i := 0; ; i++ {
				p, err := List(t.Context(), s.Readers, f.Scope(), now(), Filter{Sort: order}, page.Paging{Cursor: cursor, Limit: 7})
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range p.Items {
					if _, ok := stays[d.Hostname]; ok {
						stays[d.Hostname]++
					}
				}
				if cursor = p.Next; cursor == "" {
					break
				}
				s.Exec(t, `DELETE FROM devices.device WHERE device IN (SELECT device FROM devices.device WHERE hostname LIKE '%-s%' AND right(hostname, 2)::int % 3 = 0 ORDER BY device LIMIT 3)`)
				s.Exec(t, `INSERT INTO devices.device SELECT signature_date, place, platform, realm, enrolled_at, last_scan_at, signature_day, guards, threats, pending, last_scan_outcome,
					tenant, '\xff6e'::bytea || convert_to($1, 'UTF8'), 'NEW-' || $1, label, ip, signature_version FROM devices.device WHERE hostname = 'PC-1'`, fmt.Sprint(i))
			}
			for name, n := range stays {
				if n != 1 {
					t.Errorf("%s was shown %d times", name, n)
				}
			}
		})
	}
}

func TestThresholdsAtTheirBoundaries(t *testing.T) {
	f := oneDevice()
	th := domain.Thresholds{
		ExpiringDays: 10, SignatureWarningDays: 1, SignatureOutdatedDays: 2, SignatureCriticalDays: 5,
		OfflineMinutes: 30, SilentDays: 2, StaleDays: 3, SeatsPercent: 90,
	}
	f.Add(reseller.Stream(f.Tenant), reseller.ThresholdsChanged{To: th})
	const day = 24 * time.Hour
	seen := map[domain.DeviceID]time.Time{"d1": now()}
	for i, age := range []time.Duration{0, day, day + 1e3, 2 * day, 2*day + 1e3, 5 * day, 5*day + 1e3} {
		x := facts(fmt.Sprintf("S%d", i))
		x.SignatureDate = now().Add(-age)
		id := domain.DeviceID(fmt.Sprintf("s%d", i))
		f.Device(id, "c1", "l1.main", i, x)
		seen[id] = now().Add(-[]time.Duration{0, 30 * time.Minute, 30*time.Minute + 1e3, 2 * day, 2*day + 1e3, 3 * day, 3*day + 1e3}[i])
	}
	s := serve(t, f)
	s.See(t, f.Tenant, seen)
	for state, want := range map[states.Signatures][]string{
		states.SignaturesCurrent: {"PC-1", "S0", "S1"}, states.SignaturesWarning: {"S2", "S3"}, states.SignaturesOutdated: {"S4", "S5"}, states.SignaturesCritical: {"S6"},
	} {
		expect(t, s, f.Scope(), Filter{Signatures: []states.Signatures{state}}, want...)
	}
	for state, want := range map[states.Contact][]string{
		states.Online: {"PC-1", "S0", "S1"}, states.Offline: {"S2", "S3"}, states.Silent: {"S4", "S5"}, states.Stale: {"S6"},
	} {
		expect(t, s, f.Scope(), Filter{Contact: []states.Contact{state}}, want...)
	}
	list, err := List(t.Context(), s.Readers, f.Scope(), now(), Filter{}, page.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	signatures, contact := map[states.Signatures]int{states.SignaturesUnknown: 0}, map[states.Contact]int{}
	for _, d := range list.Items {
		signatures[d.Signatures]++
		contact[d.Contact]++
	}
	for name, scope := range map[string]domain.Scope{"tenant": f.Scope(), "customer": {Tenant: f.Tenant, Customer: "c1"}} {
		n, err := Count(t.Context(), s.Readers, scope, now())
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(n.Signatures) != fmt.Sprint(signatures) {
			t.Errorf("%s: counted %v, the list says %v", name, n.Signatures, signatures)
		}
		if scope.Customer != "" && fmt.Sprint(n.Contact) != fmt.Sprint(contact) {
			t.Errorf("%s: counted %v, the list says %v", name, n.Contact, contact)
		}
	}
	// A moment later, without an event, one more of each has crossed its threshold.
	late := now().Add(time.Hour)
	n, err := Count(t.Context(), s.Readers, f.Scope(), late)
	if err != nil || n.Signatures[states.SignaturesWarning] != 2 || n.Signatures[states.SignaturesCritical] != 2 || n.Contact[states.Online] != 0 {
		t.Errorf("an hour later: %+v, %v", n, err)
	}
}

func TestThreatsAndRequestsOfADevice(t *testing.T) {
	f := oneDevice()
	found := func(id string, minute int) device.ThreatFound {
		return device.ThreatFound{Device: "d1", Threat: id, Name: "Eicar-Test", Path: "/tmp/" + id, Action: "none", FoundAt: now().Add(time.Duration(minute-60) * time.Minute), Open: 1}
	}
	f.Tell("d1", found("t1", 1))
	f.Tell("d1", found("t2", 2))
	f.Tell("d1", device.ThreatResolved{Device: "d1", Threat: "t1", How: device.Told, Action: "deleted", Open: 1})
	for i, r := range []device.RequestID{"r1", "r2", "r3", "r4"} {
		f.Tell("d1", device.ScanRequested{Device: "d1", Request: r, Profile: device.ProfileQuick, At: now().Add(time.Duration(i) * time.Minute), ExpiresAt: now().Add(48 * time.Hour)})
	}
	f.Tell("d1", device.RequestSent{Device: "d1", Request: "r1", At: now()})
	f.Tell("d1", device.RequestStarted{Device: "d1", Request: "r1", At: now()})
	f.Tell("d1", device.RequestCompleted{Device: "d1", Request: "r1", OK: true, Code: "done", Detail: "2 files", Scan: device.ScanResult{Files: 2, Infected: 1}, At: now()})
	f.Tell("d1", device.RequestAborted{Device: "d1", Request: "r2", Reason: device.AbortedByPerson})
	s := serve(t, f)
	d, err := Get(t.Context(), s.Readers, f.Scope(), now(), "d1")
	if err != nil || len(d.OpenThreats) != 1 || d.OpenThreats[0] != (Threat{ID: "t2", Name: "Eicar-Test", Path: "/tmp/t2", Action: "none", FoundAt: now().Add(-58 * time.Minute)}) {
		t.Errorf("open threats: %+v, %v", d.OpenThreats, err)
	}
	var got []string
	for _, r := range d.Requests {
		got = append(got, fmt.Sprintf("%s %s %s", r.ID, r.State, r.Code))
	}
	if want := []string{"r4 created ", "r3 outstanding ", "r2 aborted cancelled", "r1 completed done"}; !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	if r := d.Requests[3]; !r.OK || r.Files != 2 || r.Infected != 1 || !r.EndedAt.Equal(now()) {
		t.Errorf("the completed scan: %+v", r)
	}
	if d.Pending != 2 || d.PendingKind != device.Scan || d.PendingState != device.Outstanding {
		t.Errorf("pending: %+v", d)
	}
}

func TestWhatNeedsAttention(t *testing.T) {
	f := fleet()
	for i, days := range []int{20, 8, 30} {
		x := facts(fmt.Sprintf("OLD-%d", i))
		x.SignatureDate = now().AddDate(0, 0, -days)
		f.Device(domain.DeviceID(fmt.Sprintf("o%d", i)), "c1", "l1.main", i, x)
	}
	s := serve(t, f)
	hosts := func(list []Device, err error) string {
		var names []string
		for _, d := range list {
			names = append(names, d.Hostname)
		}
		return fmt.Sprint(names, err)
	}
	if got := hosts(OldestSignatures(t.Context(), s.Readers, f.Scope(), now(), 2)); got != "[OLD-2 OLD-0] <nil>" {
		t.Errorf("oldest signatures: %s", got)
	}
	if got := hosts(NewestInfections(t.Context(), s.Readers, domain.Scope{Tenant: f.Tenant, Customer: "c1"}, now(), 5)); got != "[PC-B] <nil>" {
		t.Errorf("infections of a customer: %s", got)
	}
	if got := hosts(NewestInfections(t.Context(), s.Readers, f.Scope(), now(), 5)); got != "[PC-B PC-E] <nil>" && got != "[PC-E PC-B] <nil>" {
		t.Errorf("infections: %s", got)
	}
}

func TestReconcilingFindsWhoIsMissingAndForgetsWhoIsGone(t *testing.T) {
	f := fleet()
	s := serve(t, f)
	long := time.Now().AddDate(0, 0, -2)
	s.See(t, f.Tenant, map[domain.DeviceID]time.Time{"a": now(), "gone": long, "just enrolled": time.Now()})
	s.Exec(t, `UPDATE live.seen_count SET devices = devices + 7`)
	if err := Reconcile(t.Context(), s.Admin); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		sql  string
		want int
	}{
		{`SELECT count(*)::int FROM live.last_seen`, 6},
		{`SELECT sum(devices)::int FROM live.seen_count WHERE minutes = 60`, 6},
		{`SELECT count(*)::int FROM live.last_seen s JOIN devices.device d USING (tenant, device) WHERE s.at = to_timestamp(946684800.0 + d.enrolled_at)`, 5},
	} {
		var got int
		if err := s.Admin.QueryRow(t.Context(), c.sql).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s: %d, %v, want %d", c.sql, got, err, c.want)
		}
	}
}
