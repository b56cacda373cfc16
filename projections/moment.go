package projections

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/eventstore"
)

// AsOfLimits bound the moments of the past that are kept.
type AsOfLimits struct {
	Keep      time.Duration // since a moment was asked for last; 0 for an hour
	Max       int           // moments; 0 for 16
	PerTenant int           // of them, so that one tenant does not drive out the others; 0 for 4
	MaxBytes  int64         // of all together, in Postgres; 0 for 4 GiB
}

func (l *AsOfLimits) setDefaults() {
	if l.Keep == 0 {
		l.Keep = time.Hour
	}
	if l.Max == 0 {
		l.Max = 16
	}
	if l.PerTenant == 0 {
		l.PerTenant = 4
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = 4 << 30
	}
}

// Moment is the state of views at a point of the past: what they showed when the last event up to then had been applied.
type Moment struct {
	Name     string              // by which OpenMoment finds it
	At       time.Time           // of a moment that was asked for by its position: when that was reached
	Tenant   domain.Tenant       // whose rows are in it; empty for everybody's
	Position eventstore.Position // of the last event in it
	Bytes    int64               // in Postgres
	Ready    bool
	Created  time.Time
	Used     time.Time // when it was asked for last

	// While it is not ready: how many events have been read, and about which share of the history that is.
	Events int64
	Share  float64
}

// momentName is the same for the same views at the same moment, so that whoever asks next finds it. Portals of different versions
// do not share moments: their queries would not fit.
func momentName(w When, tenant domain.Tenant, views []View) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s", w, tenant)
	for _, v := range views {
		fmt.Fprintf(h, " %s %d %s", v.Name, v.Version, v.fingerprint())
	}
	return "asof_" + hex.EncodeToString(h.Sum(nil)[:6])
}

const momentColumns = `name, at, tenant, commit, prepare, bytes, ready, created, used, events, share`

func scanMoment(row pgx.CollectableRow) (m Moment, err error) {
	var commit, prepare int64
	err = row.Scan(&m.Name, &m.At, &m.Tenant, &commit, &prepare, &m.Bytes, &m.Ready, &m.Created, &m.Used, &m.Events, &m.Share)
	m.Position = eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)} //nolint:gosec // never negative
	return m, err
}

// Moments lists the moments that are there, the one that was used last first.
func Moments(ctx context.Context, db Querier) ([]Moment, error) {
	rows, err := db.Query(ctx, `SELECT `+momentColumns+` FROM portal.as_of ORDER BY used DESC, name`)
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	return pgx.CollectRows(rows, scanMoment)
}

func findMoment(ctx context.Context, db Querier, name string) (m Moment, ok bool, err error) {
	rows, err := db.Query(ctx, `SELECT `+momentColumns+` FROM portal.as_of WHERE name = $1`, name)
	if err != nil {
		return m, false, fmt.Errorf("projections: %w", err)
	}
	m, err = pgx.CollectExactlyOneRow(rows, scanMoment)
	if errors.Is(err, pgx.ErrNoRows) {
		return m, false, nil
	}
	return m, err == nil, err
}

// schemasOf are the schemas of the generations that make up a moment.
func schemasOf(ctx context.Context, db Querier, name string) ([]string, error) {
	rows, err := db.Query(ctx, `SELECT schema FROM portal.generation WHERE as_of = $1 AND state = 'asof' ORDER BY schema`, name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Moments are locked by their names while they are read, shared, and while they are dropped.
const (
	lockMomentRead = `SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 1))`
	lockMomentDrop = `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1))`
)

// DropAsOf forgets a moment. The error is ErrInUse while somebody reads it, in any portal.
func (e *Engine) DropAsOf(ctx context.Context, name string) error {
	err := pgx.BeginFunc(ctx, e.DB, func(tx pgx.Tx) error {
		var free bool
		if err := tx.QueryRow(ctx, lockMomentDrop, name).Scan(&free); err != nil {
			return err
		}
		if !free {
			return ErrInUse
		}
		schemas, err := schemasOf(ctx, tx, name)
		if err != nil {
			return err
		}
		for _, schema := range schemas {
			if err := forget(ctx, tx, schema); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM portal.lease WHERE name = ANY($1)`, schemas); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM portal.as_of WHERE name = $1`, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop moment %s: %w", name, err)
	}
	return nil
}

// ForgetMoments drops all moments that hold rows of a tenant, those that are being built too: something in them must not be read any
// more, since a person was erased. They are built anew when they are asked for. It waits for who reads one just now.
func (e *Engine) ForgetMoments(ctx context.Context, tenant domain.Tenant) error {
	all, err := Moments(ctx, e.DB)
	for _, m := range all {
		if m.Tenant != tenant && m.Tenant != "" {
			continue
		}
		dropErr := e.DropAsOf(ctx, m.Name)
		for errors.Is(dropErr, ErrInUse) && ctx.Err() == nil {
			time.Sleep(dropAgain)
			dropErr = e.DropAsOf(ctx, m.Name)
		}
		err = errors.Join(err, dropErr)
	}
	return err
}

// dropAgain is the pause between two tries to drop a moment that is being read.
const dropAgain = 20 * time.Millisecond

// tidyMoments drops moments that nobody has asked for in a while, and those whose builder died. One that is in use stays.
func (e *Engine) tidyMoments(ctx context.Context) error {
	all, err := Moments(ctx, e.DB)
	if err != nil {
		return err
	}
	var now time.Time
	if err := e.DB.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return err
	}
	for _, m := range all {
		if m.Ready && now.Sub(m.Used) <= e.AsOf.Keep {
			continue
		}
		busy, heldErr := e.held(ctx, m.Name)
		if err = errors.Join(err, heldErr); busy || heldErr != nil {
			continue
		}
		if dropErr := e.DropAsOf(ctx, m.Name); !errors.Is(dropErr, ErrInUse) {
			err = errors.Join(err, dropErr)
		}
	}
	return err
}

// makeRoom drops the moments that were not asked for the longest, until there is room for another of a tenant, of so many bytes.
// What is being built or read stays, and is counted.
func (e *Engine) makeRoom(ctx context.Context, except string, tenant domain.Tenant, bytes int64) error {
	all, err := Moments(ctx, e.DB)
	if err != nil {
		return err
	}
	kept, ofTenant, size := 1, 1, bytes
	for _, m := range all {
		if m.Name == except {
			continue
		}
		kept, size = kept+1, size+m.Bytes
		if m.Tenant == tenant {
			ofTenant++
		}
		if kept <= e.AsOf.Max && size <= e.AsOf.MaxBytes && (m.Tenant != tenant || ofTenant <= e.AsOf.PerTenant) {
			continue
		}
		busy, err := e.held(ctx, m.Name)
		if err == nil && !busy {
			err = e.DropAsOf(ctx, m.Name)
		}
		if busy || errors.Is(err, ErrInUse) {
			continue
		}
		if err != nil {
			return err
		}
		kept, size = kept-1, size-m.Bytes
		if m.Tenant == tenant {
			ofTenant--
		}
	}
	return nil
}
