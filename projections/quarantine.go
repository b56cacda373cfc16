package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"avportal/domain/platform"
	"avportal/eventstore"
)

// quarantine is what operators have decided about one view or policy: the events that it leaves out. The decisions stand in the log,
// so the live tables and every rebuild leave out the same.
type quarantine map[uuid.UUID]eventstore.Position

// readQuarantine reads the decisions about a view. There are few.
func readQuarantine(ctx context.Context, store eventstore.Store, view string) (quarantine, error) {
	q := quarantine{}
	for r, err := range store.Read(ctx, platform.ViewStream(view), eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			return nil, fmt.Errorf("quarantine of view %s: %w", view, err)
		}
		e, ok := r.Event.(platform.EventQuarantined)
		if !ok {
			return nil, fmt.Errorf("quarantine of view %s: this build does not know the decision %s at %s", view, r.Type, r.Position)
		}
		id, err1 := uuid.Parse(e.Event)
		at, err2 := eventstore.ParsePosition(e.Position)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("quarantine of view %s: %w", view, err)
		}
		q[id] = at
	}
	return q, nil
}

// sift parts events to apply from those that are left out.
func (q quarantine) sift(all []eventstore.Recorded) (apply, passed []eventstore.Recorded) {
	if len(q) == 0 {
		return all, nil
	}
	for _, r := range all {
		if _, out := q[r.ID]; out {
			passed = append(passed, r)
		} else {
			apply = append(apply, r)
		}
	}
	return apply, passed
}

// heeded fails if a generation has applied an event that was quarantined: a rebuild would not.
func (q quarantine) heeded(ctx context.Context, db Querier, g Generation) error {
	for id, at := range q {
		if at.Compare(g.Position) > 0 {
			continue
		}
		var passed bool
		err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM portal.quarantined WHERE generation = $1 AND event = $2)`, g.ID, id).Scan(&passed)
		if err != nil {
			return err
		}
		if !passed {
			return fmt.Errorf("%w: event %s at %s; avportal projections rebuild %s", ErrQuarantinedLate, id, at, g.View)
		}
	}
	return nil
}

// Poison is the event before which the live tables of a view stand, or a policy ("policy/<name>"), as a quarantine needs it: the
// command that leaves it out is platform.Quarantine. The error is ErrNotHalted if it stands before none.
func (e *Engine) Poison(ctx context.Context, view string) (Halt, error) {
	if policy, ok := strings.CutPrefix(view, policyTopic("")); ok {
		return e.policyPoison(ctx, policy)
	}
	v, err := e.view(view)
	if err != nil {
		return Halt{}, err
	}
	for _, schema := range []string{v.Name, v.Name + suffixNext} { // a view that never went live may stand in its first build
		g, ok, err := find(ctx, e.DB, schema)
		if err != nil {
			return Halt{}, err
		}
		if ok && g.Halted.names() {
			return *g.Halted, nil
		}
	}
	return Halt{}, fmt.Errorf("view %s: %w", view, ErrNotHalted)
}

// PoisonEvent is Poison, and makes sure that it is the event that the caller means: another one must not be left out by mistake.
func (e *Engine) PoisonEvent(ctx context.Context, view, event string) (Halt, error) {
	h, err := e.Poison(ctx, view)
	if err == nil && h.EventID != event {
		err = fmt.Errorf("%w: %s stands before event %s (%s at %s), not before %s", ErrNotHalted, view, h.EventID, h.EventType, h.Position, event)
	}
	return h, err
}

// Quarantined finds the position of an event that is left out already; otherwise the error is the one given.
func (e *Engine) Quarantined(ctx context.Context, view, event string, otherwise error) (position string, err error) {
	id, err := uuid.Parse(event)
	if err != nil {
		return "", otherwise
	}
	q, err := readQuarantine(ctx, e.Store, view)
	if err != nil {
		return "", err
	}
	at, ok := q[id]
	if !ok {
		return "", otherwise
	}
	return at.String(), nil
}

// names reports whether there is an event to leave out.
func (h *Halt) names() bool { return h != nil && h.EventID != uuid.Nil.String() && h.EventID != "" }

func (e *Engine) policyPoison(ctx context.Context, policy string) (Halt, error) {
	all, err := policies(ctx, e.DB)
	if err != nil {
		return Halt{}, err
	}
	for _, p := range all {
		if p.Name != policy {
			continue
		}
		if !p.Halted.names() {
			return Halt{}, fmt.Errorf("policy %s: %w", policy, ErrNotHalted)
		}
		return *p.Halted, nil
	}
	return Halt{}, fmt.Errorf("policy %s: %w", policy, ErrNoPolicy)
}
