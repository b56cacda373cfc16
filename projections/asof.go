package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"avportal/domain"
	"avportal/eventstore"
)

// BuildAsOf makes views as they were at a moment, each in a schema of its own beside the live ones; none named means all. With a
// tenant only that tenant's streams are read, which is faster by as much as the log is larger than they. What is there already is
// not built again, and kept for longer.
func (e *Engine) BuildAsOf(ctx context.Context, w When, tenant domain.Tenant, views []string, report func(Progress)) (Moment, error) {
	m, err := e.buildAsOf(ctx, w, tenant, views, report)
	if err != nil {
		return m, fmt.Errorf("views as of %s: %w", w, err)
	}
	return m, nil
}

func (e *Engine) buildAsOf(ctx context.Context, w When, tenant domain.Tenant, names []string, report func(Progress)) (Moment, error) {
	if err := e.isPast(ctx, w); err != nil {
		return Moment{}, err
	}
	// What was written within the last second may not be in the log yet.
	if err := sleep(ctx, max(0, settled-time.Since(w.Time))); err != nil {
		return Moment{}, err
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
	name := momentName(w, tenant, views)
	if m, ok, err := e.useMoment(ctx, name); ok || err != nil {
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
	if m, ok, err := e.useMoment(ctx, name); ok || err != nil {
		return m, err
	}
	b := momentBuild{engine: e, name: name, when: w, tenant: tenant, views: views, report: report}
	if err := b.run(ctx); err != nil {
		return Moment{}, errors.Join(err, e.DropAsOf(context.WithoutCancel(ctx), name))
	}
	m, _, err := findMoment(ctx, e.DB, name)
	return m, err
}

// settled is how old a time must be for the log to hold everything that was written by then.
const settled = time.Second

// isPast fails for a moment in the future.
func (e *Engine) isPast(ctx context.Context, w When) error {
	if !w.Time.IsZero() {
		if time.Until(w.Time) > 0 {
			return ErrFuture
		}
		return nil
	}
	head, err := e.Store.Head(ctx)
	if err == nil && w.Position.Compare(head) > 0 {
		err = fmt.Errorf("%w: the log ends at %s", ErrFuture, head)
	}
	return err
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

// useMoment answers a moment that is ready, and notes that it was asked for.
func (e *Engine) useMoment(ctx context.Context, name string) (m Moment, ok bool, err error) {
	if m, ok, err = findMoment(ctx, e.DB, name); err != nil || !ok || !m.Ready {
		return m, false, err
	}
	_, err = e.DB.Exec(ctx, `UPDATE portal.as_of SET used = now() WHERE name = $1`, name)
	return m, err == nil, err
}

// momentBuild builds the views of a moment side by side, from one reading of the log.
type momentBuild struct {
	engine *Engine
	name   string
	when   When
	tenant domain.Tenant
	views  []View
	report func(Progress)

	first, last eventstore.Recorded
	events      int64
	told        time.Time
}

func (m *momentBuild) run(ctx context.Context) error {
	e := m.engine
	if err := e.DropAsOf(ctx, m.name); err != nil { // what a builder has left that died
		return err
	}
	if err := e.makeRoom(ctx, m.name, m.tenant, 0); err != nil {
		return err
	}
	if _, err := e.DB.Exec(ctx, `INSERT INTO portal.as_of (name, at, tenant) VALUES ($1, $2, $3)`, m.name, m.when.Time, string(m.tenant)); err != nil {
		return err
	}
	builds := make([]*build, 0, len(m.views))
	for _, v := range m.views {
		b, release, err := m.open(ctx, v)
		if err != nil {
			return err
		}
		defer release()
		defer b.close()
		builds = append(builds, b)
	}
	if err := m.fill(ctx, builds); err != nil {
		return err
	}
	return m.finish(ctx)
}

func (m *momentBuild) open(ctx context.Context, v View) (*build, func(), error) {
	e, schema := m.engine, m.name+"_"+v.Name
	if err := create(ctx, e.DB, v, schema, StateAsOf); err != nil {
		return nil, nil, err
	}
	if _, err := e.DB.Exec(ctx, `UPDATE portal.generation SET as_of = $2 WHERE schema = $1`, schema, m.name); err != nil {
		return nil, nil, err
	}
	w, release, err := e.enterAs(ctx, v, schema, uuid.NewString())
	if err != nil {
		return nil, nil, err
	}
	b := e.newBuild(v, w, m.report)
	b.fed = eventstore.NewBuffer(4*buildBatch, buildAhead)
	return b, release, nil
}

// fill reads the history once for all builds, which fold side by side.
func (m *momentBuild) fill(ctx context.Context, builds []*build) error {
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
	for r, err := range m.engine.history(ctx, m.when, m.tenant) {
		if err == nil {
			err = m.feed(ctx, builds, r)
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
			return err
		}
	}
	return errors.Join(errs...)
}

func (m *momentBuild) feed(ctx context.Context, builds []*build, r eventstore.Recorded) error {
	if m.events == 0 {
		m.first = r
	}
	m.last, m.events = r, m.events+1
	for _, b := range builds {
		if err := b.fed.Put(ctx, r); err != nil {
			return err
		}
	}
	if m.events%buildBatch != 0 || time.Since(m.told) < reportEvery {
		return nil
	}
	m.told = time.Now()
	_, err := m.engine.DB.Exec(ctx, `UPDATE portal.as_of SET events = $2, share = $3 WHERE name = $1`, m.name, m.events, m.when.share(m.first, m.last))
	return err
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

// finish makes the moment known, unless it is too large.
func (m *momentBuild) finish(ctx context.Context) error {
	e := m.engine
	var bytes int64
	err := e.DB.QueryRow(ctx, `SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c JOIN portal.generation g
		ON c.relnamespace = to_regnamespace(g.schema) WHERE g.as_of = $1 AND c.relkind = 'r'`, m.name).Scan(&bytes)
	if err == nil && bytes > e.AsOf.MaxBytes {
		err = fmt.Errorf("%w: %d bytes of %d", ErrTooLarge, bytes, e.AsOf.MaxBytes)
	}
	if err == nil {
		err = e.makeRoom(ctx, m.name, m.tenant, bytes)
	}
	at := m.when.Time
	if err == nil && at.IsZero() {
		at, err = e.reached(ctx, m.when.Position, m.last)
	}
	if err == nil {
		_, err = e.DB.Exec(ctx, `UPDATE portal.as_of SET ready = true, used = now(), bytes = $2, commit = $3, prepare = $4, events = $5, share = 1,
			at = $6 WHERE name = $1`, m.name, bytes, int64(m.last.Position.Commit), int64(m.last.Position.Prepare), m.events, at) //nolint:gosec // below 2^63, as the generations were written
	}
	return err
}

// reached tells when the log had come to a position: at the time of the last event up to there, be it of the tenant or not.
func (e *Engine) reached(ctx context.Context, p eventstore.Position, ofTenant eventstore.Recorded) (time.Time, error) {
	at := ofTenant.At
	for r, err := range e.Store.ReadAll(ctx, p, eventstore.Backward, 1) {
		if err != nil {
			return at, err
		}
		if r.At.After(at) {
			at = r.At
		}
	}
	return at, nil
}

// history yields what the log held at a moment, of one tenant or of all. It ends before the first event that is younger: should
// the store's clock have been set back, older ones may stand behind it, but a view never saw these without it.
func (e *Engine) history(ctx context.Context, w When, tenant domain.Tenant) history {
	all := e.Store.ReadAll(ctx, eventstore.Position{}, eventstore.Forward, 0)
	if tenant != "" {
		all = e.ofTenant(ctx, w, tenant)
	}
	return func(yield func(eventstore.Recorded, error) bool) {
		for r, err := range all {
			if err == nil && !w.holds(r) || !yield(r, err) {
				return
			}
		}
	}
}
