package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/live"
	"avportal/projections/rowkey"
	"avportal/projections/states"
)

// Counts are how many devices are in which state.
type Counts struct {
	Devices    int
	Infected   int // devices with open threats
	Threats    int // open ones on all devices
	Pending    int // devices with requests that have not ended
	Protection map[device.Protection]int
	Signatures map[states.Signatures]int
	Contact    map[states.Contact]int
}

// Count counts the devices of a tenant or, if the scope has one, of a customer, from counters that are kept as events come in.
// For a tenant the cost is the same for any number of devices. What is counted by contact is exact to the minute for a tenant
// (to the hour where a threshold is longer than two days), as live.HeardSince says.
func Count(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time) (Counts, error) {
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return Counts{}, err
	}
	places := []rowkey.Address{0} // the tenant as a whole
	if scope.Customer != "" {
		if places, err = findPlaces(ctx, db, scope, Filter{}, c); err != nil {
			return Counts{}, err
		}
	}
	n, err := countStates(ctx, db, scope.Tenant, places)
	if err != nil {
		return Counts{}, fmt.Errorf("devices: counts: %w", err)
	}
	if scope.Customer != "" {
		err = n.agesOfPlaces(ctx, db, scope.Tenant, places, c)
	} else if err = n.signaturesOfTenant(ctx, db, scope.Tenant, c); err == nil {
		err = n.contactOfTenant(ctx, db, scope.Tenant, c)
	}
	if err != nil {
		return Counts{}, fmt.Errorf("devices: counts: %w", err)
	}
	return n, nil
}

func countStates(ctx context.Context, db projections.Querier, t domain.Tenant, places []rowkey.Address) (Counts, error) {
	rows, err := db.Query(ctx, `SELECT coalesce(sum(devices), 0)::int, coalesce(sum(infected), 0)::int, coalesce(sum(threats), 0)::int, coalesce(sum(pending), 0)::int,
		coalesce(sum(yellow), 0)::int, coalesce(sum(red), 0)::int, coalesce(sum(unknown), 0)::int
		FROM device_count WHERE tenant = $1 AND place = ANY($2)`, t, places)
	if err != nil {
		return Counts{}, err
	}
	var n Counts
	var yellow, red, unknown int
	_, err = pgx.ForEachRow(rows, []any{&n.Devices, &n.Infected, &n.Threats, &n.Pending, &yellow, &red, &unknown}, func() error { return nil })
	n.Protection = map[device.Protection]int{
		device.Green: n.Devices - yellow - red - unknown, device.Yellow: yellow, device.Red: red, device.Unknown: unknown,
	}
	return n, err
}

// signaturesOfTenant adds up the dates before each cutoff.
func (n *Counts) signaturesOfTenant(ctx context.Context, db projections.Querier, t domain.Tenant, c states.Cutoffs) error {
	rows, err := db.Query(ctx, `SELECT
		coalesce(sum(devices) FILTER (WHERE date < $2), 0)::int, coalesce(sum(devices) FILTER (WHERE date < $3), 0)::int,
		coalesce(sum(devices) FILTER (WHERE date < $4), 0)::int, coalesce(sum(devices), 0)::int
		FROM signature_count WHERE tenant = $1 AND date < $5`, t, known(), c.Critical, c.Outdated, c.Warning)
	if err != nil {
		return err
	}
	var unknown, critical, outdated, warning int
	_, err = pgx.ForEachRow(rows, []any{&unknown, &critical, &outdated, &warning}, func() error { return nil })
	n.signatures(unknown, critical, outdated, warning)
	return err
}

// signatures takes how many devices are in a state or a worse one.
func (n *Counts) signatures(unknown, critical, outdated, warning int) {
	n.Signatures = map[states.Signatures]int{
		states.SignaturesUnknown: unknown, states.SignaturesCritical: critical - unknown, states.SignaturesOutdated: outdated - critical,
		states.SignaturesWarning: warning - outdated, states.SignaturesCurrent: n.Devices - warning,
	}
}

// contactOfTenant takes everything that was not heard of since a cutoff for silent.
func (n *Counts) contactOfTenant(ctx context.Context, db projections.Querier, t domain.Tenant, c states.Cutoffs) error {
	heard, err := live.HeardSince(ctx, db, t, c.Now, c.OfflineBefore, c.SilentBefore, c.StaleBefore)
	if err != nil {
		return err
	}
	// A device may have been heard of that the view does not know yet, or no longer.
	online := min(heard[0], n.Devices)
	notSilent := min(max(heard[1], online), n.Devices)
	notStale := min(max(heard[2], notSilent), n.Devices)
	n.Contact = map[states.Contact]int{states.Online: online, states.Offline: notSilent - online, states.Silent: notStale - notSilent, states.Stale: n.Devices - notStale}
	return nil
}

// agesOfPlaces looks at each device: a customer has few.
func (n *Counts) agesOfPlaces(ctx context.Context, db projections.Querier, t domain.Tenant, places []rowkey.Address, c states.Cutoffs) error {
	rows, err := db.Query(ctx, `SELECT
		count(*) FILTER (WHERE heard.at >= $3), count(*) FILTER (WHERE heard.at >= $4), count(*) FILTER (WHERE heard.at >= $5), count(*),
		count(*) FILTER (WHERE d.signature_date < $6), count(*) FILTER (WHERE d.signature_date < $7),
		count(*) FILTER (WHERE d.signature_date < $8), count(*) FILTER (WHERE d.signature_date < $9)
		FROM device d LEFT JOIN last_seen s ON s.tenant = d.tenant AND s.device = d.device
		CROSS JOIN LATERAL (VALUES (coalesce(s.at, `+enrolledAt+`))) AS heard (at)
		WHERE d.tenant = $1 AND d.place = ANY($2) AND (d.place >> 32)::int = ANY($10)`,
		t, places, c.OfflineBefore, c.SilentBefore, c.StaleBefore, known(), c.Critical, c.Outdated, c.Warning, halvesOf(places))
	if err != nil {
		return err
	}
	var online, notSilent, notStale, all, unknown, critical, outdated, warning int
	_, err = pgx.ForEachRow(rows, []any{&online, &notSilent, &notStale, &all, &unknown, &critical, &outdated, &warning}, func() error { return nil })
	n.signatures(unknown, critical, outdated, warning)
	n.Contact = map[states.Contact]int{states.Online: online, states.Offline: notSilent - online, states.Silent: notStale - notSilent, states.Stale: all - notStale}
	return err
}

// Total counts the devices that a filter leaves. Without a filter that looks at devices it adds up counters.
func Total(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, f Filter) (int, error) {
	c, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return 0, err
	}
	l := listing{db: db, tenant: scope.Tenant, filter: f, cutoffs: c, limited: f.limitsPlaces() || scope.Customer != "", places: []rowkey.Address{0}}
	if l.limited {
		if l.places, err = findPlaces(ctx, db, scope, f, c); err != nil || len(l.places) == 0 {
			return 0, err
		}
	}
	if !f.narrows() {
		n, err := countStates(ctx, db, scope.Tenant, l.places)
		return n.Devices, err
	}
	if l.platforms, err = findPlatforms(ctx, db, scope.Tenant, f); err != nil {
		return 0, err
	}
	s, from := l.base()
	rows, err := db.Query(ctx, "SELECT count(*)::int FROM "+from+" WHERE "+s.Conditions(), append([]any{pgx.QueryExecModeCacheDescribe}, s.Args()...)...)
	if err != nil {
		return 0, fmt.Errorf("devices: total: %w", err)
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
}
