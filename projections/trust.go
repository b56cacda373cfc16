package projections

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
)

// trusted fails if a generation can't be gone on with, since a rebuild would come to other rows: it has seen another log
// (ErrAhead), or has applied what was quarantined since (ErrQuarantinedLate). A rebuild heals both.
func (e *Engine) trusted(ctx context.Context, db Querier, g Generation) error {
	if err := e.sameLog(ctx, g); err != nil {
		return err
	}
	q, err := readQuarantine(ctx, e.Store, g.View)
	if err != nil {
		return err
	}
	return q.heeded(ctx, db, g)
}

// sameLog looks whether the log still holds the last event of a generation where that stood. It does not if it was restored
// from an older copy, even if it has grown past that position since: then other events stand where the view has seen these.
func (e *Engine) sameLog(ctx context.Context, g Generation) error {
	if g.Position.IsZero() {
		return nil
	}
	head, err := e.Store.Head(ctx)
	if err != nil {
		return err
	}
	ahead := fmt.Errorf("%w: view %s is at %s, the log ends at %s; avportal projections rebuild %s", ErrAhead, g.View, g.Position, head, g.View)
	if g.Position.Compare(head) > 0 {
		return ahead
	}
	if g.last.id == uuid.Nil {
		return nil
	}
	stream, err := domain.ParseStream(g.last.stream)
	if err != nil {
		return err
	}
	for r, err := range e.Store.Read(ctx, stream, g.last.revision, false, 1) {
		if err != nil {
			return fmt.Errorf("view %s, its last event: %w", g.View, err)
		}
		if r.ID == g.last.id && r.Position == g.Position {
			return nil
		}
	}
	return ahead
}
