package projections

import (
	"context"
	"errors"
	"fmt"
)

// Build makes a new generation of a view beside the live one, up to the present end of the log. It does not touch what is
// live; Swap does. A build that was broken off goes on where it has last saved. report may be nil.
func (e *Engine) Build(ctx context.Context, view string, report func(Progress)) error {
	v, err := e.view(view)
	if err != nil {
		return err
	}
	if err := Migrate(ctx, e.DB); err != nil {
		return err
	}
	w, release, err := e.openNext(ctx, v, func() (bool, error) { return true, nil })
	if err != nil {
		return fmt.Errorf("build of view %s: %w", view, err)
	}
	defer release()
	b := e.newBuild(v, w, report)
	defer b.close()
	if err := b.complete(ctx); err != nil {
		return fmt.Errorf("build of view %s: %w", view, err)
	}
	return nil
}

// Rebuild is Build and Swap.
func (e *Engine) Rebuild(ctx context.Context, view string, report func(Progress)) error {
	if err := e.Build(ctx, view, report); err != nil {
		return err
	}
	return e.Swap(ctx, view)
}

// ensure makes sure that the view is live in this build's version.
func (e *Engine) ensure(ctx context.Context, v View) error {
	ok, err := e.current(ctx, v)
	if ok || err != nil {
		return err
	}
	select { // builds take memory: not all at once
	case e.building <- struct{}{}:
		defer func() { <-e.building }()
	case <-ctx.Done():
		return ctx.Err()
	}
	// While another portal builds this waits, and then there may be nothing left to do.
	w, release, err := e.openNext(ctx, v, func() (bool, error) {
		ok, err := e.current(ctx, v)
		return !ok, err
	})
	if err != nil {
		return fmt.Errorf("build of view %s: %w", v.Name, err)
	}
	if w == nil {
		return nil
	}
	defer release()
	b := e.newBuild(v, w, nil)
	defer b.close()
	e.Log.Info("building", "view", v.Name, "version", v.Version)
	err = b.complete(ctx)
	var poison *EventError
	if errors.As(err, &poison) {
		if _, live, findErr := find(ctx, e.DB, v.Name); !live && findErr == nil { // a view that stands is better than none
			err = b.index(ctx)
		}
	}
	if err == nil {
		err = b.swap(ctx)
	}
	if err != nil {
		return fmt.Errorf("build of view %s: %w", v.Name, err)
	}
	return nil
}

// current reports whether the live generation is of this build's version.
func (e *Engine) current(ctx context.Context, v View) (bool, error) {
	g, ok, err := find(ctx, e.DB, v.Name)
	switch {
	case err != nil || !ok:
		return false, err
	case g.Version > v.Version:
		return false, fmt.Errorf("view %s is live in version %d; this portal knows version %d and leaves it to a newer one", v.Name, g.Version, v.Version)
	case g.Version == v.Version && g.Fingerprint != v.fingerprint():
		return false, fmt.Errorf("view %s: the schema has changed, but its Version is still %d; raise it, and the view is built anew", v.Name, v.Version)
	}
	return g.Version == v.Version, nil
}

// openNext opens the generation that is being built, and makes it if there is none, or one of another version. It answers
// no writer if by then it is not needed any more.
func (e *Engine) openNext(ctx context.Context, v View, needed func() (bool, error)) (*writer, func(), error) {
	schema := v.Name + suffixNext
	return e.prepare(ctx, v, schema, func(s *session) (bool, error) {
		ok, err := needed()
		if ok && err == nil {
			err = e.makeNext(ctx, s, v, schema)
		}
		return ok, err
	})
}

// prepare takes the lease of a generation, has it made, and opens it. It answers no writer if made does not want it.
func (e *Engine) prepare(ctx context.Context, v View, schema string, made func(*session) (bool, error)) (*writer, func(), error) {
	s, err := newSession(ctx, e.DB)
	if err != nil {
		return nil, nil, err
	}
	l := lease{name: schema, owner: e.owner, db: e.DB} // waited for before anything is dropped
	ok := false
	if err = l.await(ctx, s); err == nil {
		ok, err = made(s)
	}
	if err = errors.Join(err, s.close()); err != nil || !ok {
		l.release()
		return nil, nil, err
	}
	return e.enter(ctx, v, schema)
}

func (e *Engine) makeNext(ctx context.Context, s *session, v View, schema string) error {
	g, ok, err := find(ctx, s.conn, schema)
	if err == nil && ok {
		outdated := g.Version != v.Version || g.Fingerprint != v.fingerprint()
		if !outdated {
			err = e.trusted(ctx, s.conn, g)
			outdated = errors.Is(err, ErrAhead) || errors.Is(err, ErrQuarantinedLate)
		}
		if outdated {
			err = drop(ctx, e.DB, schema)
		}
	}
	if err != nil {
		return err
	}
	return create(ctx, e.DB, v, schema, StateNext)
}
