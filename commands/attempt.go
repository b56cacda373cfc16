package commands

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// attempt carries out a command once, on the cached aggregate if there is one. Callers of one aggregate take turns.
func attempt[S domain.State[S]](ctx context.Context, h *Handler, rq Request, c domain.Command[S]) (Result, error) {
	stream := c.Stream()
	a := obtain[S](h.aggregates, stream)
	a.mu.Lock()
	defer a.mu.Unlock()

	// 1. Load. A cached state is trusted for what is appended, since the append would find out. To refuse on it, or to find
	// that nothing is left to do, needs a second look: another portal may have written since.
	fresh, err := load(ctx, h, stream, a)
	if err != nil {
		return Result{}, err
	}
	res, err := decideAndAppend(ctx, h, rq, c, a)
	var refusal *domain.Error
	if fresh || res.Events > 0 || err != nil && !errors.As(err, &refusal) {
		return res, err
	}
	changed, asOf, loadErr := lookAgain(ctx, h, stream, a, rq.Since)
	switch {
	case loadErr != nil && err == nil: // whether there is nothing to do is not known
		return Result{}, loadErr
	case loadErr != nil || !changed:
		res.AsOf = asOf
		return res, err
	}
	return decideAndAppend(ctx, h, rq, c, a)
}

func decideAndAppend[S domain.State[S]](ctx context.Context, h *Handler, rq Request, c domain.Command[S], a *stateful[S]) (Result, error) {
	stream := c.Stream()

	// 2. Scope, from the stream. To a stranger the object does not exist.
	if err := authorize(rq.Actor, c, stream, a.events == 0, a.state.Scope()); err != nil {
		return Result{}, err
	}
	// 3. Replay, after scope so that a key can't probe another tenant.
	if a.seen.mayHave(rq.ID) {
		if res, found, err := replayed(ctx, h, rq, stream); found || err != nil {
			return res, err
		}
	}
	if rq.Expected != nil && *rq.Expected != a.revision() {
		return Result{}, domain.ErrStale
	}
	// 4. An expired license refuses whatever is not expressly allowed.
	if err := h.checkLicense(ctx, rq, stream.Tenant, c, &a.state); err != nil {
		return Result{}, err
	}
	// 5. Decide.
	events, err := c.Decide(a.state)
	if err != nil || len(events) == 0 {
		return Result{Position: a.position, Revision: a.revision()}, err
	}
	// 6. Append at the revision that the decision rests on.
	appended, err := h.store.Append(ctx, stream, a.revision(), propose(rq, stream.Tenant, events))
	if err != nil {
		h.aggregates.evict(a.base()) // what stands in the stream is not what stands here
		return Result{}, err
	}
	for _, e := range events {
		a.state = a.state.Evolve(e)
	}
	a.events, a.position = eventsUpTo(appended.Revision), appended.Position
	a.seen.add(rq.ID)
	h.watchers.wake(stream)
	return Result{Position: appended.Position, Revision: appended.Revision, AsOf: appended.Position, Events: len(events)}, nil
}

// authorize compares the actor's reach with the scope that the stream itself tells, or, for a first event, that the command names.
func authorize(actor domain.Actor, c any, stream domain.Stream, first bool, scope domain.Scope) error {
	if first {
		creator, ok := c.(domain.Creator)
		if !ok {
			return domain.ErrNotFound
		}
		scope = creator.Creates()
	}
	if scope.Tenant != stream.Tenant || !actor.Sees(scope) {
		return domain.ErrNotFound
	}
	return nil
}

// replayed looks in the stream for what this very intent has left there.
func replayed(ctx context.Context, h *Handler, rq Request, stream domain.Stream) (res Result, found bool, err error) {
	for r, err := range h.store.Read(ctx, stream, eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			return Result{}, false, err
		}
		if r.Meta.Command != rq.ID {
			continue
		}
		if rq.Fingerprint != "" && r.Meta.Fingerprint != "" && r.Meta.Fingerprint != rq.Fingerprint {
			return Result{}, false, domain.ErrKeyReused
		}
		res, found = Result{Position: r.Position, Revision: r.Revision, Events: res.Events + 1, Replayed: true}, true
	}
	return res, found, nil
}

func propose(rq Request, tenant domain.Tenant, events []domain.Event) []eventstore.Proposed {
	causation := rq.Causation
	if causation == uuid.Nil {
		causation = rq.ID
	}
	meta := eventstore.Metadata{
		Correlation: rq.correlation(), Causation: causation, Command: rq.ID, Fingerprint: rq.Fingerprint,
		Actor: rq.Actor.Kind, ActorID: rq.Actor.ID, OnBehalfOf: rq.Actor.OnBehalfOf,
	}
	proposed := make([]eventstore.Proposed, len(events))
	for i, e := range events {
		proposed[i] = eventstore.Proposed{ID: eventID(tenant, rq.ID, i), Event: e, Meta: meta}
	}
	return proposed
}

// eventID is UUIDv5(tenant, command id, index): the same intent gives the same events, whoever repeats it.
func eventID(tenant domain.Tenant, command uuid.UUID, index int) uuid.UUID {
	var name [17]byte
	copy(name[:], command[:])
	name[16] = byte(index)
	space, err := uuid.Parse(string(tenant))
	if err != nil {
		space = uuid.Nil // a malformed tenant never passes authorize; any fixed space will do
	}
	if index > 255 {
		return uuid.NewSHA1(space, fmt.Appendf(nil, "%s/%d", command, index))
	}
	return uuid.NewSHA1(space, name[:])
}
