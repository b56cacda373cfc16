package fleettest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/live"
)

// Many serves a tenant with so many devices in 300 licenses and a tenth as many in a second tenant, made by copying rows: the
// plans depend on numbers, not on how the rows came to be. The view of devices must be among the views.
func Many(tb testing.TB, views []projections.View, n int) (*Served, *Fleet) {
	tb.Helper()
	f, other := New(), New()
	const licenses = 300 // whatever the number of devices, so that this is all that differs
	for i := range licenses {
		c := domain.CustomerID(fmt.Sprintf("c%03d", i))
		l := domain.LicenseID(fmt.Sprintf("l%03d", i))
		f.Customer(c, "Kunde "+string(c))
		f.License(l, c, "Lizenz "+string(l), 1000, Now.AddDate(1, 0, 0))
	}
	facts := device.Facts{
		Hostname: "PC-FIRST", OS: "windows", OSVersion: "11 23H2", Arch: "amd64", IP: "10.0.0.1", Domain: "PRAXIS", ClientVersion: "1.4.0",
		Engine: "clamd", EngineVersion: "1.4.1", SignatureVersion: "27460", SignatureDate: Now.Add(-time.Hour),
	}
	f.Device("first", "c000", "l000.main", 1, facts)
	other.Customer("c", "Andere")
	other.License("l", "c", "Andere", 1000, time.Time{})
	other.Device("theirs", "c", "l.main", 1, facts)
	s := Serve(tb, views, f, other)
	s.Exec(tb, `INSERT INTO devices.device SELECT signature_date - (random() * random() * 60)::int * interval '8 hours', p.place, platform, realm, enrolled_at, last_scan_at, 0,
			CASE WHEN i % 500 = 0 THEN 64 ELSE 1 END, CASE WHEN i % 1000 = 0 THEN 1 ELSE 0 END, CASE WHEN i % 2000 = 0 THEN 1 ELSE 0 END, 0,
			d.tenant, decode(md5(i::text), 'hex'), (array['PC', 'LAPTOP', 'SRV', 'Büro'])[1 + i % 4] || '-' || upper(substr(md5(i::text), 1, 6)), CASE WHEN i % 5 = 0 THEN 'Platz ' || i ELSE '' END,
			'10.' || i % 200 || '.' || i % 250 || '.' || i % 240, signature_version
		FROM generate_series(1, $1::int) i CROSS JOIN (SELECT * FROM devices.device WHERE tenant = $2) d
		JOIN (SELECT place, row_number() OVER (ORDER BY place) - 1 AS nr FROM devices.place WHERE tenant = $2) p ON p.nr = i % $3::int
		ORDER BY random()`, n, f.Tenant, licenses)
	s.Exec(tb, `INSERT INTO devices.device SELECT signature_date, (SELECT place FROM devices.place WHERE tenant = $1), platform, (SELECT realm FROM devices.device WHERE tenant = $1), enrolled_at, last_scan_at, 0,
		guards, threats, pending, last_scan_outcome, $1, device, hostname, label, ip, signature_version FROM devices.device WHERE tenant = $2 LIMIT $3::int / 10`, other.Tenant, f.Tenant, n)
	s.Exec(tb, `UPDATE devices.device SET signature_day = floor(extract(epoch FROM signature_date) / 86400)`)
	s.Exec(tb, `INSERT INTO live.last_seen (tenant, device, at, ip) SELECT tenant, device, $1::timestamptz - random() * interval '20 minutes' - CASE WHEN random() < 0.02 THEN interval '20 days' ELSE '0' END, '' FROM devices.device`, Now)
	s.Exec(tb, `INSERT INTO devices.infection SELECT tenant, device, $1::timestamptz + random() * interval '1 day' FROM devices.device WHERE threats > 0`, Now)
	s.Exec(tb, `INSERT INTO devices.unguarded SELECT tenant, device FROM devices.device WHERE guards NOT BETWEEN 1 AND 63 ON CONFLICT DO NOTHING`)
	s.Exec(tb, `INSERT INTO devices.request SELECT tenant, device, 'r', 0, 'scan', '', 0, at, at, at, at, at, false, '', '', -1, -1, -1
		FROM devices.device CROSS JOIN (VALUES ($1::timestamptz)) AS moment (at) WHERE pending > 0`, Now)
	// The counters are sums over rows, in whatever way the rows came to be.
	s.Exec(tb, `TRUNCATE devices.device_count, devices.signature_count`)
	s.Exec(tb, `INSERT INTO devices.device_count SELECT tenant, p, count(*), count(*) FILTER (WHERE threats > 0), sum(threats), count(*) FILTER (WHERE guards > 64),
		count(*) FILTER (WHERE guards = 64), count(*) FILTER (WHERE guards = 0), count(*) FILTER (WHERE pending > 0)
		FROM devices.device CROSS JOIN LATERAL (VALUES (0), (place)) AS w (p) GROUP BY 1, 2`)
	s.Exec(tb, `INSERT INTO devices.signature_count SELECT tenant, signature_date, count(*) FROM devices.device GROUP BY 1, 2`)
	if err := live.Reconcile(context.Background(), s.Admin, "SELECT tenant, device, to_timestamp(946684800.0 + enrolled_at) AS enrolled_at FROM devices.device"); err != nil {
		tb.Fatal(err)
	}
	s.Exec(tb, `REINDEX TABLE devices.device`) // a rebuild makes indexes at its end as well
	s.Exec(tb, `VACUUM ANALYZE`)
	return s, f
}
