package devices

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/projections"
	"avportal/projections/rowkey"
)

// Get answers one device. The error is domain.ErrNotFound for one that is not there or not within reach.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, id domain.DeviceID) (Device, error) {
	cutoffs, err := cutoffsOf(ctx, db, scope.Tenant, now)
	if err != nil {
		return Device{}, err
	}
	list, err := describe(ctx, db, scope.Tenant, cutoffs, []mark{{ID: rowkey.Key(id)}})
	if err != nil {
		return Device{}, err
	}
	if len(list) == 0 || scope.Customer != "" && list[0].Customer != scope.Customer {
		return Device{}, domain.ErrNotFound
	}
	return list[0], nil
}

// Names answers the host names of devices, for lists that know only ids. Devices that are not there or not within reach
// are left out.
func Names(ctx context.Context, db projections.Querier, scope domain.Scope, ids []domain.DeviceID) (map[domain.DeviceID]string, error) {
	keys := make([]rowkey.Key, len(ids))
	for i, id := range ids {
		keys[i] = rowkey.Key(id)
	}
	rows, err := db.Query(ctx, `SELECT d.device, d.hostname FROM device d
		JOIN place p ON p.tenant = d.tenant AND p.place = d.place JOIN device_license l ON l.tenant = d.tenant AND l.license = p.license
		WHERE d.tenant = $1 AND d.device = ANY($2) AND ($3 = '' OR l.customer = $3)`, scope.Tenant, keys, scope.Customer)
	if err != nil {
		return nil, fmt.Errorf("devices: names: %w", err)
	}
	names := make(map[domain.DeviceID]string, len(ids))
	var id rowkey.Key
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		names[domain.DeviceID(id)] = name
		return nil
	})
	return names, err
}

// Threat is one finding on a device. Times are by the device's clock, but not after the portal learned of it.
type Threat struct {
	ID         string
	Name       string
	Path       string
	Action     string // what the client did about it: none, blocked, quarantined, deleted
	FoundAt    time.Time
	ResolvedAt time.Time         // zero while it is open
	How        device.Resolution // how the portal learned that it is gone
}

// Threats answers a device's threats, open or over, the last found first, at most limit. Whether the device is within reach is
// for Get to say.
func Threats(ctx context.Context, db projections.Querier, t domain.Tenant, id domain.DeviceID, open bool, limit int) ([]Threat, error) {
	rows, err := db.Query(ctx, `SELECT threat, name, path, action, found_at, resolved_at, how FROM threat
		WHERE tenant = $1 AND device = $2 AND (resolved_at = $3) = $4 ORDER BY found_at DESC, threat DESC LIMIT $5`,
		t, rowkey.Key(id), time.Time{}, open, limit)
	if err != nil {
		return nil, fmt.Errorf("devices: threats: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Threat, error) {
		x, err := pgx.RowToStructByPos[Threat](row)
		x.FoundAt, x.ResolvedAt = utc(x.FoundAt), utc(x.ResolvedAt)
		return x, err
	})
}

// Request is something that a device was asked to do. Times are UTC; zero: not yet.
type Request struct {
	ID                      device.RequestID
	Kind                    device.RequestKind
	Profile                 device.ScanProfile // of a scan
	State                   device.RequestState
	RequestedAt, ExpiresAt  time.Time
	SentAt, StartedAt       time.Time
	EndedAt                 time.Time
	OK                      bool   // once it is completed
	Code                    string // of the answer, or why there is none
	Detail                  string
	Files, Infected, Errors int64 // of a scan that is completed; Files is -1 if it is not known
}

// Requests answers a device's requests, newest first: all that have not ended, and the last ended ones up to a limit. Whether
// the device is within reach is for Get to say.
func Requests(ctx context.Context, db projections.Querier, t domain.Tenant, id domain.DeviceID, ended int) ([]Request, error) {
	rows, err := db.Query(ctx, `
		(SELECT revision, request, kind, profile, phase, requested_at, expires_at, sent_at, started_at, ended_at, ok, code, detail, files, infected, errors
			FROM request WHERE tenant = $1 AND device = $2 AND phase < 3)
		UNION ALL
		(SELECT revision, request, kind, profile, phase, requested_at, expires_at, sent_at, started_at, ended_at, ok, code, detail, files, infected, errors
			FROM request WHERE tenant = $1 AND device = $2 AND phase >= 3 ORDER BY revision DESC LIMIT $3)
		ORDER BY revision`, t, rowkey.Key(id), ended)
	if err != nil {
		return nil, fmt.Errorf("devices: requests: %w", err)
	}
	list := []Request{}
	unfinished := 0
	var (
		x        Request
		revision int64
		at       phase
	)
	_, err = pgx.ForEachRow(rows, []any{
		&revision, &x.ID, &x.Kind, &x.Profile, &at, &x.RequestedAt, &x.ExpiresAt, &x.SentAt, &x.StartedAt, &x.EndedAt,
		&x.OK, &x.Code, &x.Detail, &x.Files, &x.Infected, &x.Errors,
	}, func() error {
		if x.State = at.state(unfinished == 0); at < completed {
			unfinished++
		}
		for _, t := range []*time.Time{&x.RequestedAt, &x.ExpiresAt, &x.SentAt, &x.StartedAt, &x.EndedAt} {
			*t = utc(*t)
		}
		list = append([]Request{x}, list...)
		return nil
	})
	return list, err
}
