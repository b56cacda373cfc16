package projections

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"avportal/eventstore"
)

// catchUpPatience is how long Rollback holds the live view still while another portal brings the previous generation level.
const catchUpPatience = 10 * time.Second

// Rollback makes the previous generation of a view the live one again, and what is live the previous one: so a second
// Rollback takes the first one back. Nothing is lost, since the previous generation follows the log as the live one does; where no
// portal runs, it catches up first. A portal of a newer version than the one that asks would build its own version anew.
func (e *Engine) Rollback(ctx context.Context, view string, report func(Progress)) error {
	v, err := e.view(view)
	if err == nil {
		err = e.rollback(ctx, v, report)
	}
	if err != nil {
		return fmt.Errorf("rollback of view %s: %w", view, err)
	}
	return nil
}

func (e *Engine) rollback(ctx context.Context, v View, report func(Progress)) error {
	g, ok, err := find(ctx, e.DB, v.Name+suffixPrev)
	if err != nil {
		return err
	}
	if !ok || g.Version != v.Version || g.Fingerprint != v.fingerprint() || !g.Indexed {
		return ErrNoPrevious
	}
	if err := e.trusted(ctx, e.DB, g); err != nil {
		return err
	}
	x := exchange{engine: e, view: v, schema: g.Schema, id: g.ID, fenced: func(Generation) bool { return false }}
	followed, err := e.held(ctx, g.Schema)
	if err != nil {
		return err
	}
	if followed { // by a portal, which is all but level
		x.catchUp = func(ctx context.Context, live Generation) error { return e.awaitLevel(ctx, g, live.Position) }
		return x.run(ctx)
	}
	w, release, err := e.enterAs(ctx, v, g.Schema, uuid.NewString())
	if err != nil {
		return err
	}
	defer release()
	b := e.newBuild(v, w, report)
	defer b.close()
	if _, err := b.fill(ctx, eventstore.Position{}); err != nil {
		return err
	}
	x.catchUp = func(ctx context.Context, live Generation) error {
		if b.gen.Position.Compare(live.Position) >= 0 {
			return nil
		}
		_, err := b.fill(ctx, eventstore.Position{})
		return err
	}
	x.fenced = func(next Generation) bool { return next.Epoch != b.gen.Epoch }
	return x.run(ctx)
}

// awaitLevel waits until whoever follows with a generation has brought it to a position.
func (e *Engine) awaitLevel(ctx context.Context, g Generation, at eventstore.Position) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpPatience)
	defer cancel()
	for {
		now, ok, err := find(ctx, e.DB, g.Schema)
		switch {
		case err != nil:
			return err
		case !ok || now.ID != g.ID:
			return ErrFenced
		case now.Position.Compare(at) >= 0:
			return nil
		case now.Halted != nil:
			return fmt.Errorf("the previous generation stands before %s at %s: %s", now.Halted.EventType, now.Halted.Position, now.Halted.Message)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("the previous generation is at %s, the live one at %s, and it does not catch up: %w", now.Position, at, err)
		}
	}
}

// awaitPrevious waits until there is a previous generation that this build can follow the log with.
func (e *Engine) awaitPrevious(ctx context.Context, v View) error {
	for {
		var there bool
		err := e.DB.QueryRow(ctx, `SELECT EXISTS (SELECT FROM portal.generation WHERE schema = $1 AND version = $2 AND fingerprint = $3
			AND indexed AND keep_until > now())`, v.Name+suffixPrev, v.Version, v.fingerprint()).Scan(&there)
		if there || err != nil {
			return err
		}
		if err := sleep(ctx, leasePoll); err != nil {
			return err
		}
	}
}

// Drop removes a leftover: a generation that is neither live nor being worked on, by the name of its schema.
func (e *Engine) Drop(ctx context.Context, schema string) error {
	g, ok, err := find(ctx, e.DB, schema)
	switch {
	case err != nil:
		return fmt.Errorf("drop %s: %w", schema, err)
	case !ok:
		return fmt.Errorf("drop %s: %w", schema, ErrNoGeneration)
	case g.State == StateAsOf:
		return fmt.Errorf("%w: %s belongs to the moment %s; drop that", ErrInUse, schema, g.AsOf)
	case g.State == StateNext || g.State == StateCheck || g.State == StateRenewal:
		busy, err := e.held(ctx, schema)
		if busy {
			err = fmt.Errorf("%w: somebody is building it", ErrInUse)
		}
		if err != nil {
			return fmt.Errorf("drop %s: %w", schema, err)
		}
	}
	if err := dropIf(ctx, e.DB, schema, func(now Generation) bool { return now.ID == g.ID }); err != nil {
		return fmt.Errorf("drop %s: %w", schema, err)
	}
	return nil
}

// How often what is left over is looked for, and how old a comparison or renewal must be to be left over.
const (
	tidyEvery   = time.Minute
	checkTooOld = 10 * time.Minute
)

// Tidy drops previous generations whose time is over, comparisons and renewals whose process died, and moments of the past that are too
// old or too many. Run does it every minute.
func (e *Engine) Tidy(ctx context.Context) error {
	generations, err := Generations(ctx, e.DB)
	if err != nil {
		return err
	}
	var now time.Time
	if err := e.DB.QueryRow(ctx, `SELECT now()`).Scan(&now); err != nil {
		return err
	}
	for _, g := range generations {
		over := func(g Generation) bool { return g.State == StatePrev && !g.KeepUntil.After(now) }
		if (g.State == StateCheck || g.State == StateRenewal) && now.Sub(g.Created) > checkTooOld {
			busy, heldErr := e.held(ctx, g.Schema)
			err = errors.Join(err, heldErr)
			over = func(now Generation) bool { return !busy && heldErr == nil && now.ID == g.ID }
		}
		if !over(g) {
			continue
		}
		e.Log.Info("dropping", "view", g.View, "schema", g.Schema, "state", g.State)
		err = errors.Join(err, dropIf(ctx, e.DB, g.Schema, func(now Generation) bool { return now.ID == g.ID && over(now) }))
	}
	return errors.Join(err, e.tidyMoments(ctx))
}

func (e *Engine) keepTidy(ctx context.Context) {
	for {
		if err := e.Tidy(ctx); err != nil && ctx.Err() == nil {
			e.Log.Warn("what is left over can't be dropped", "error", err)
		}
		if sleep(ctx, tidyEvery) != nil {
			return
		}
	}
}
