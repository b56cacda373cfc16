package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// Lapse is what became of a device by nothing but time.
type Lapse struct {
	Tenant   domain.Tenant
	Customer domain.CustomerID
	License  domain.LicenseID
	Group    domain.GroupID
	Device   domain.DeviceID
	Name     string    // its designation, or else its host name
	Since    time.Time // from when its signatures are, when it was last heard of, when its threat was found
	Crossed  time.Time // when that became too long ago
	Threat   string    // of Uncleaned: its id
	Virus    string    // of Uncleaned
	Path     string    // of Uncleaned
}

// LapseKind is a way in which time makes a device worse.
type LapseKind string

// The kinds there are. What is too long is the reseller's to say, but for Uncleaned: that is a day.
const (
	Outdated  LapseKind = "outdated"
	NotSeen   LapseKind = "not_seen"
	Uncleaned LapseKind = "uncleaned" // a threat that is still there; of several on one device, the one that was found first
)

// lapsed select when what lasts began, and when it became too long ago. The days of signatures narrow down by the index.
var lapsed = map[LapseKind]string{
	Outdated: `SELECT d.tenant, d.device, d.signature_date AS since, d.signature_date + t.signature_outdated_days * interval '24 hours' AS crossed,
			'' AS threat, '' AS virus, '' AS path
		FROM device_thresholds t JOIN device d ON d.tenant = t.tenant
			AND d.signature_day BETWEEN ($2::timestamptz)::date - date '1970-01-01' - t.signature_outdated_days - 1
				AND ($1::timestamptz)::date - date '1970-01-01' - t.signature_outdated_days + 1`,
	NotSeen: `SELECT s.tenant, s.device, s.at AS since, s.at + t.silent_days * interval '24 hours' AS crossed, '' AS threat, '' AS virus, '' AS path
		FROM device_thresholds t JOIN last_seen s ON s.tenant = t.tenant
			AND s.at BETWEEN $2::timestamptz - t.silent_days * interval '24 hours' AND $1::timestamptz - t.silent_days * interval '24 hours'`,
	Uncleaned: `SELECT DISTINCT ON (h.tenant, h.device) h.tenant, h.device, h.found_at AS since, h.found_at + interval '24 hours' AS crossed,
			h.threat, h.name AS virus, h.path
		FROM infection i JOIN threat h ON h.tenant = i.tenant AND h.device = i.device AND h.resolved_at < '0001-01-02 00:00:00Z'
		ORDER BY h.tenant, h.device, h.found_at, h.threat`,
}

// FindLapses lists the devices of all tenants that time has made worse after one moment and up to another. It is for the portal's own
// clock, not for people.
func FindLapses(ctx context.Context, db projections.Querier, kind LapseKind, after, upTo time.Time) ([]Lapse, error) {
	rows, err := db.Query(ctx, `SELECT replace(x.tenant::text, '-', ''), coalesce(l.customer, ''), coalesce(p.license, ''), coalesce(p.group_id, ''), x.device,
			CASE WHEN d.label <> '' THEN d.label ELSE d.hostname END, x.since, x.crossed, x.threat, x.virus, x.path
		FROM (`+lapsed[kind]+`) x JOIN device d ON d.tenant = x.tenant AND d.device = x.device
		LEFT JOIN place p ON p.tenant = d.tenant AND p.place = d.place
		LEFT JOIN device_license l ON l.tenant = p.tenant AND l.license = p.license
		WHERE x.crossed > $2::timestamptz AND x.crossed <= $1::timestamptz`, upTo.UTC(), after.UTC())
	if err != nil {
		return nil, fmt.Errorf("devices: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Lapse, err error) {
		var id rowkey.Key
		err = row.Scan(&l.Tenant, &l.Customer, &l.License, &l.Group, &id, &l.Name, &l.Since, &l.Crossed, &l.Threat, &l.Virus, &l.Path)
		l.Device, l.Since, l.Crossed = domain.DeviceID(id), l.Since.UTC(), l.Crossed.UTC()
		return l, err
	})
}
