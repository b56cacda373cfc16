package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

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
