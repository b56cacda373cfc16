package projections

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// trusted fails if a generation can't be gone on with, since a rebuild would come to other rows: it has seen another log
// (ErrAhead), or has applied what was quarantined since (ErrQuarantinedLate). A rebuild heals both.
func (e *Engine) trusted(ctx context.Context, db Querier, g Generation) error {
	if err := e.sameLog(ctx, g.place()); err != nil {
		return err
	}
	q, err := readQuarantine(ctx, e.Store, g.View)
	if err != nil {
		return err
	}
	return q.heeded(ctx, db, g)
}

// place is where in the log a view or policy stands.
type place struct {
	who      string // "view devices"
	heal     string // the command that heals it, should the log be another one
	position eventstore.Position
	last     lastEvent
}

func (g Generation) place() place {
	return place{"view " + g.View, "avportal projections rebuild " + g.View, g.Position, g.last}
}

// sameLog looks whether the log still holds the last event of a view or policy where that stood. It does not if it was restored
// from an older copy, even if it has grown past that position since: then other events stand where the view has seen these.
func (e *Engine) sameLog(ctx context.Context, p place) error {
	if p.position.IsZero() {
		return nil
	}
	head, err := e.Store.Head(ctx)
	if err != nil {
		return err
	}
	ahead := fmt.Errorf("%w: %s is at %s, the log ends at %s; %s", ErrAhead, p.who, p.position, head, p.heal)
	if p.position.Compare(head) > 0 {
		return ahead
	}
	if p.last.id == uuid.Nil {
		return nil
	}
	stream, err := domain.ParseStream(p.last.stream)
	if err != nil {
		return err
	}
	for r, err := range e.Store.Read(ctx, stream, p.last.revision, false, 1) {
		if err != nil {
			return fmt.Errorf("%s, its last event: %w", p.who, err)
		}
		if r.ID == p.last.id && r.Position == p.position {
			return nil
		}
	}
	return ahead
}
