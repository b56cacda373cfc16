package devices

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/domain/device"
	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/rowkey"
	"avportal/projections/states"
)

// Details are all that the view has of one device.
type Details struct {
	Device
	OpenThreats []Threat  // the last found first
	Requests    []Request // newest first: all that have not ended, and the last ended ones

	Position eventstore.Position // of the view, which all of it contains
}

// endedShown is how many requests that have ended are told.
const endedShown = 20

// describeOneSQL is describe.sql for one device. A list of one would be planned anew each time, which takes several times as
// long as reading the rows: of a list whose length is not known Postgres expects the worst.
var describeOneSQL = strings.Replace(describeSQL, "unnest($2::bytea[]) WITH ORDINALITY", "(VALUES ($2::bytea, 1))", 1)

// Get answers one device, in one round trip. The error is domain.ErrNotFound for one that is not there or not within reach.
func Get(ctx context.Context, db projections.Querier, scope domain.Scope, now time.Time, id domain.DeviceID) (d Details, err error) {
	key := rowkey.Key(id)
	var cutoffs states.Cutoffs
	var found []Device
	err = projections.Together(ctx, db, func(b *pgx.Batch) {
		projections.QueuePosition(b, View.Name, &d.Position)
		states.Queue(b, thresholdsTable, scope.Tenant, now, &cutoffs)
		b.Queue(describeOneSQL, scope.Tenant, key).Query(func(rows pgx.Rows) (err error) {
			found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Device, error) { return toDevice(row, cutoffs) })
			return err
		})
		b.Queue(selectThreats, scope.Tenant, key, time.Time{}, device.MaxThreats).Query(func(rows pgx.Rows) (err error) {
			d.OpenThreats, err = pgx.CollectRows(rows, toThreat)
			return err
		})
		b.Queue(selectRequests, scope.Tenant, key, endedShown).Query(func(rows pgx.Rows) (err error) {
			d.Requests, err = toRequests(rows)
			return err
		})
	})
	if err != nil {
		return Details{}, fmt.Errorf("devices: %w", err)
	}
	if len(found) == 0 || scope.Customer != "" && found[0].Customer != scope.Customer {
		return Details{}, domain.ErrNotFound
	}
	d.Device = found[0]
	return d, nil
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

// Threat is one finding on a device that is still there. Its time is by the device's clock, but not after the portal learned of it.
type Threat struct {
	ID      string
	Name    string
	Path    string
	Action  string // what the client did about it: none, blocked, quarantined, deleted
	FoundAt time.Time
}

const selectThreats = `SELECT threat, name, path, action, found_at FROM threat
	WHERE tenant = $1 AND device = $2 AND resolved_at = $3 ORDER BY found_at DESC, threat DESC LIMIT $4`

func toThreat(row pgx.CollectableRow) (Threat, error) {
	x, err := pgx.RowToStructByPos[Threat](row)
	x.FoundAt = utc(x.FoundAt)
	return x, err
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

const selectRequests = `
	(SELECT revision, request, kind, profile, phase, requested_at, expires_at, sent_at, started_at, ended_at, ok, code, detail, files, infected, errors
		FROM request WHERE tenant = $1 AND device = $2 AND phase < 3)
	UNION ALL
	(SELECT revision, request, kind, profile, phase, requested_at, expires_at, sent_at, started_at, ended_at, ok, code, detail, files, infected, errors
		FROM request WHERE tenant = $1 AND device = $2 AND phase >= 3 ORDER BY revision DESC LIMIT $3)
	ORDER BY revision`

func toRequests(rows pgx.Rows) ([]Request, error) {
	list := []Request{}
	unfinished := 0
	var (
		x        Request
		revision int64
		at       phase
	)
	_, err := pgx.ForEachRow(rows, []any{
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
