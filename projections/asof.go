package projections

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"avportal/domain"
	"avportal/eventstore"
)

// ErrTooLarge says that a moment takes more room than all moments together may.
var ErrTooLarge = errors.New("the moment is larger than what moments of the past may take")

// BuildAsOf makes views as they were at a time, each in a schema of its own beside the live ones; none named means all. With a
// tenant only that tenant's streams are read, which is faster by as much as the log is larger than they. What is there already is
// not built again, and kept for longer. What the log got within the last second before now may be missing.
func (e *Engine) BuildAsOf(ctx context.Context, at time.Time, tenant domain.Tenant, views []string, report func(Progress)) (Moment, error) {
	at = at.UTC().Truncate(time.Microsecond)
	m, err := e.buildAsOf(ctx, at, tenant, views, report)
	if err != nil {
		return m, fmt.Errorf("views as of %s: %w", at.Format(time.RFC3339Nano), err)
	}
	return m, nil
}

func (e *Engine) buildAsOf(ctx context.Context, at time.Time, tenant domain.Tenant, names []string, report func(Progress)) (Moment, error) {
	if at.After(time.Now()) {
		return Moment{}, errors.New("that is in the future")
	}
	if tenant != "" && !tenant.Valid() {
		return Moment{}, fmt.Errorf("%q is not a tenant", tenant)
	}
	views, err := e.viewsNamed(names)
	if err != nil {
		return Moment{}, err
	}
	if err := Migrate(ctx, e.DB); err != nil {
		return Moment{}, err
	}
	name := momentName(at, tenant)
	if m, ok, err := e.useMoment(ctx, name, views); ok || err != nil {
		return m, err
	}
	s, release, err := e.hold(ctx, name, uuid.NewString()) // whoever asks for the same at the same time waits here
	if err != nil {
		return Moment{}, err
	}
	defer func() {
		_ = s.close()
		release()
	}()
	if m, ok, err := e.useMoment(ctx, name, views); ok || err != nil {
		return m, err
	}
	if err := e.fillMoment(ctx, name, at, tenant, views, report); err != nil {
		return Moment{}, errors.Join(err, e.DropAsOf(context.WithoutCancel(ctx), name))
	}
	m, _, err := findMoment(ctx, e.DB, name)
	return m, err
}

func (e *Engine) viewsNamed(names []string) ([]View, error) {
	if len(names) == 0 {
		return e.Views, nil
	}
	views := make([]View, len(names))
	for i, name := range names {
		var err error
		if views[i], err = e.view(name); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// useMoment answers a moment that is ready, holds all the views, and holds them in this build's versions.
func (e *Engine) useMoment(ctx context.Context, name string, views []View) (m Moment, ok bool, err error) {
	if m, ok, err = findMoment(ctx, e.DB, name); err != nil || !ok || !m.Ready {
		return m, false, err
	}
	there, err := viewsOf(ctx, e.DB, name)
	if err != nil {
		return m, false, err
	}
	for _, v := range views {
		if g, ok := there[v.Name]; !ok || g.Version != v.Version || g.Fingerprint != v.fingerprint() {
			return m, false, nil
		}
	}
	_, err = e.DB.Exec(ctx, `UPDATE portal.as_of SET used = now() WHERE name = $1`, name)
	return m, err == nil, err
}

func (e *Engine) fillMoment(ctx context.Context, name string, at time.Time, tenant domain.Tenant, views []View, report func(Progress)) error {
	if err := e.DropAsOf(ctx, name); err != nil {
		return err
	}
	if err := e.makeRoom(ctx, name, 0); err != nil {
		return err
	}
	if _, err := e.DB.Exec(ctx, `INSERT INTO portal.as_of (name, at, tenant) VALUES ($1, $2, $3)`, name, at, string(tenant)); err != nil {
		return err
	}
	builds := make([]*build, 0, len(views))
	for _, v := range views {
		b, release, err := e.openMoment(ctx, v, name, report)
		if err != nil {
			return err
		}
		defer release()
		defer b.close()
		builds = append(builds, b)
	}
	last, err := e.fillTogether(ctx, builds, e.history(ctx, at, tenant))
	if err != nil {
		return err
	}
	var bytes int64
	err = e.DB.QueryRow(ctx, `SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN portal.generation g
		ON c.relnamespace = to_regnamespace(g.schema) WHERE g.as_of = $1 AND c.relkind = 'r'`, name).Scan(&bytes)
	if err == nil && bytes > e.AsOf.MaxBytes {
		err = fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, bytes, e.AsOf.MaxBytes)
	}
	if err == nil {
		err = e.makeRoom(ctx, name, bytes)
	}
	if err == nil {
		_, err = e.DB.Exec(ctx, `UPDATE portal.as_of SET ready = true, used = now(), bytes = $2, commit = $3, prepare = $4 WHERE name = $1`,
			name, bytes, int64(last.Commit), int64(last.Prepare)) //nolint:gosec // below 2^63, as the generations were written
	}
	return err
}

func (e *Engine) openMoment(ctx context.Context, v View, name string, report func(Progress)) (*build, func(), error) {
	schema := name + "_" + v.Name
	if err := create(ctx, e.DB, v, schema, StateAsOf); err != nil {
		return nil, nil, err
	}
	if _, err := e.DB.Exec(ctx, `UPDATE portal.generation SET as_of = $2 WHERE schema = $1`, schema, name); err != nil {
		return nil, nil, err
	}
	w, release, err := e.enterAs(ctx, v, schema, uuid.NewString())
	if err != nil {
		return nil, nil, err
	}
	b := e.newBuild(v, w, report)
	b.fed = eventstore.NewBuffer(4*buildBatch, buildAhead)
	return b, release, nil
}

// fillTogether reads a history once for several builds, which fold side by side. It answers the position of the last event.
func (e *Engine) fillTogether(ctx context.Context, builds []*build, history iter.Seq2[eventstore.Recorded, error]) (last eventstore.Position, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(builds)+1)
	var working sync.WaitGroup
	for i, b := range builds {
		working.Go(func() {
			if errs[i] = b.fillMoment(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	for r, err := range history {
		if err == nil {
			last = r.Position
			err = feed(ctx, builds, r)
		}
		if err != nil {
			errs[len(builds)] = err
			break
		}
	}
	for _, b := range builds {
		b.fed.Close(errs[len(builds)])
	}
	working.Wait()
	for _, err := range errs { // the first that is not only the echo of another
		if err != nil && !errors.Is(err, context.Canceled) {
			return last, err
		}
	}
	return last, errors.Join(errs...)
}

func feed(ctx context.Context, builds []*build, r eventstore.Recorded) error {
	for _, b := range builds {
		if err := b.fed.Put(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) fillMoment(ctx context.Context) error {
	if _, err := b.fill(ctx, eventstore.Position{}); err != nil {
		return err
	}
	b.tell("indexing")
	if err := b.index(ctx); err != nil {
		return err
	}
	if b.view.Moment != "" {
		err := pgx.BeginFunc(ctx, b.engine.DB, func(tx pgx.Tx) error { return execIn(ctx, tx, b.gen.Schema, b.view.Moment) })
		if err != nil {
			return fmt.Errorf("view %s, what the log does not tell: %w", b.view.Name, err)
		}
	}
	b.tell("done")
	return nil
}

// history yields what the log held at a time, of one tenant or of all. It ends before the first event that is younger: should
// the store's clock have been set back, older ones may stand behind it, but a view never saw these without it.
func (e *Engine) history(ctx context.Context, at time.Time, tenant domain.Tenant) iter.Seq2[eventstore.Recorded, error] {
	all := e.Store.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0)
	if tenant != "" {
		telemetry := domain.Stream{Tenant: tenant, Telemetry: true}
		all = merge(e.Store.ReadLinks(ctx, "$ce-"+string(tenant), eventstore.Start, eventstore.Forward, 0),
			e.Store.ReadLinks(ctx, "$ce-"+telemetry.Category(), eventstore.Start, eventstore.Forward, 0))
	}
	return func(yield func(eventstore.Recorded, error) bool) {
		for r, err := range all {
			if err == nil && r.At.After(at) || !yield(r, err) {
				return
			}
		}
	}
}

// merge yields two histories as one, in the order of the log.
func merge(a, b iter.Seq2[eventstore.Recorded, error]) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		nextA, stopA := iter.Pull2(a)
		defer stopA()
		nextB, stopB := iter.Pull2(b)
		defer stopB()
		ra, errA, okA := nextA()
		rb, errB, okB := nextB()
		for okA || okB {
			if okA && (!okB || errA != nil || errB == nil && ra.Position.Compare(rb.Position) < 0) {
				if !yield(ra, errA) || errA != nil {
					return
				}
				ra, errA, okA = nextA()
				continue
			}
			if !yield(rb, errB) || errB != nil {
				return
			}
			rb, errB, okB = nextB()
		}
	}
}

// AsOf gives a moment that BuildAsOf has made to queries: unqualified table names mean its tables. Views that are not in
// it have no tables there, rather than those of today.
func AsOf(ctx context.Context, db *pgxpool.Pool, name string) (Querier, error) {
	views, err := viewsOf(ctx, db, name)
	if err == nil && len(views) == 0 {
		err = fmt.Errorf("there is no moment %s", name)
	}
	if err != nil {
		return nil, err
	}
	var path []string
	for _, g := range views {
		path = append(path, quote(g.Schema))
	}
	return &pastReader{db: db, path: strings.Join(path, ", ")}, nil
}
