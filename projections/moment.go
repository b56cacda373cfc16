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
	Keep     time.Duration // since a moment was asked for last; 0 for an hour
	Max      int           // moments; 0 for 8
	MaxBytes int64         // of all together, in Postgres; 0 for 4 GiB
}

func (l *AsOfLimits) setDefaults() {
	if l.Keep == 0 {
		l.Keep = time.Hour
	}
	if l.Max == 0 {
		l.Max = 8
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = 4 << 30
	}
}

// Moment is the state of views at a time in the past: what they showed when the last event up to then had been applied.
type Moment struct {
	Name     string // by which AsOf finds it
	At       time.Time
	Tenant   domain.Tenant       // whose rows are in it; empty for everybody's
	Position eventstore.Position // of the last event in it
	Bytes    int64               // in Postgres
	Ready    bool
	Created  time.Time
	Used     time.Time // when it was asked for last
}

// momentName is the same for the same moment, so that whoever asks next finds it.
func momentName(at time.Time, tenant domain.Tenant) string {
	sum := sha256.Sum256([]byte(at.UTC().Format(time.RFC3339Nano) + " " + string(tenant)))
	return "asof_" + hex.EncodeToString(sum[:6])
}

// Moments lists the moments that are there, the one that was used last first.
func Moments(ctx context.Context, db Querier) ([]Moment, error) {
	rows, err := db.Query(ctx, `SELECT name, at, tenant, commit, prepare, bytes, ready, created, used FROM portal.as_of ORDER BY used DESC, name`)
	if err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Moment, err error) {
		var commit, prepare int64
		err = row.Scan(&m.Name, &m.At, &m.Tenant, &commit, &prepare, &m.Bytes, &m.Ready, &m.Created, &m.Used)
		m.Position = eventstore.Position{Commit: uint64(commit), Prepare: uint64(prepare)} //nolint:gosec // never negative
		return m, err
	})
}

func findMoment(ctx context.Context, db Querier, name string) (Moment, bool, error) {
	all, err := Moments(ctx, db)
	for _, m := range all {
		if m.Name == name {
			return m, true, nil
		}
	}
	return Moment{}, false, err
}

// viewsOf are the generations that make up a moment, by view.
func viewsOf(ctx context.Context, db Querier, name string) (map[string]Generation, error) {
	all, err := Generations(ctx, db)
	out := map[string]Generation{}
	for _, g := range all {
		if g.State == StateAsOf && g.AsOf == name {
			out[g.View] = g
		}
	}
	return out, err
}

// DropAsOf forgets a moment.
func (e *Engine) DropAsOf(ctx context.Context, name string) error {
	views, err := viewsOf(ctx, e.DB, name)
	if err == nil {
		err = pgx.BeginFunc(ctx, e.DB, func(tx pgx.Tx) error {
			for _, g := range views {
				if err := forget(ctx, tx, g.Schema); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, `DELETE FROM portal.lease WHERE name = $1`, g.Schema); err != nil {
					return err
				}
			}
			_, err := tx.Exec(ctx, `DELETE FROM portal.as_of WHERE name = $1`, name)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("drop moment %s: %w", name, err)
	}
	return nil
}

// tidyMoments drops moments that nobody has asked for in a while, and those whose builder died.
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
		old := now.Sub(m.Used) > e.AsOf.Keep
		if !old && m.Ready {
			continue
		}
		busy, heldErr := e.held(ctx, m.Name)
		if err = errors.Join(err, heldErr); busy || heldErr != nil {
			continue
		}
		err = errors.Join(err, e.DropAsOf(ctx, m.Name))
	}
	return err
}

// makeRoom drops the moments that were not asked for the longest, until there is room for another of so many bytes.
func (e *Engine) makeRoom(ctx context.Context, except string, bytes int64) error {
	all, err := Moments(ctx, e.DB)
	if err != nil {
		return err
	}
	kept, size := 1, bytes
	for _, m := range all {
		if m.Name == except {
			continue
		}
		kept, size = kept+1, size+m.Bytes
		if kept <= e.AsOf.Max && size <= e.AsOf.MaxBytes {
			continue
		}
		if busy, err := e.held(ctx, m.Name); busy || err != nil { // being built: its builder finds room by itself
			continue
		}
		if err := e.DropAsOf(ctx, m.Name); err != nil {
			return err
		}
		kept, size = kept-1, size-m.Bytes
	}
	return nil
}
