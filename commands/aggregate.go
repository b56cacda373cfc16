package commands

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"avportal/domain"
	"avportal/eventstore"
)

// aggregate is one stream in memory, apart from its state. mu makes its callers take turns. There are very many, hence the
// sizes of the fields: with the state of a device they fill the 96 bytes that the heap gives for them.
type aggregate struct {
	mu       sync.Mutex
	position eventstore.Position
	seen     commandIDs
	events   uint32        // how many the state is made of
	noticed  atomic.Uint32 // how many there are as far as the handler was told
	loaded   bool

	// The cache's own, under its mutex.
	turns uint8
	key   streamKey
}

// stateful is an aggregate with its state beside it: a pointer to it, and what the heap adds to it there, would be 25 bytes more.
type stateful[S domain.State[S]] struct {
	aggregate
	state S // valid if loaded
}

// base is what does not depend on the kind of state.
func (a *aggregate) base() *aggregate { return a }

// maxEvents bounds what is loaded. The ids of so many commands would take 8 GiB; no stream comes near.
const maxEvents = math.MaxInt32

// unknowable is what an aggregate has noticed that is not told of events any more.
const unknowable = math.MaxUint32

// eventsUpTo is how many events a stream has whose last one is at a revision.
func eventsUpTo(r eventstore.Revision) uint32 { return uint32(min(int64(r)+1, unknowable)) } //nolint:gosec // bounded

// revision is that of the last event in the state, NoStream if there is none.
func (a *aggregate) revision() eventstore.Revision { return eventstore.Revision(a.events) - 1 }

// outdated reports whether the stream is known to hold more than what is in memory.
func (a *aggregate) outdated() bool { return a.noticed.Load() > a.events }

// load sees to it that the aggregate has its state, which is fresh unless it was there and is not known to be outdated.
func load[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *stateful[S]) (fresh bool, err error) {
	if a.loaded {
		if a.outdated() {
			_, err = refresh(ctx, h, stream, a)
			return true, err
		}
		return false, nil
	}
	var none S
	a.events, a.position, a.seen, a.state = 0, eventstore.Position{}, commandIDs{}, none
	if _, err := fold(ctx, h, stream, a); err != nil {
		return false, err
	}
	a.loaded = true
	return true, nil
}

// lookAgain makes sure that the state is that of the log up to a position, or, for the zero Position, up to its present end.
// It reports whether it was not, and else up to where it is, if that is known.
func lookAgain[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *stateful[S], since eventstore.Position) (changed bool, asOf eventstore.Position, err error) {
	if at, ok := h.fresh.reach(ctx, since); ok && !a.outdated() {
		return false, at, nil
	}
	changed, err = refresh(ctx, h, stream, a)
	return changed, eventstore.Position{}, err
}

// refresh folds in what others have appended since, and reports whether there was anything.
func refresh[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *stateful[S]) (changed bool, err error) {
	if !a.loaded {
		_, err := load(ctx, h, stream, a)
		return true, err
	}
	changed, err = fold(ctx, h, stream, a)
	if err != nil {
		h.aggregates.evict(a.base())
		return false, err
	}
	return changed, nil
}

// fold takes in the events that follow those in the state.
func fold[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *stateful[S]) (any bool, err error) {
	for r, err := range h.store.Read(ctx, stream, a.revision()+1, eventstore.Forward, 0) {
		if err != nil {
			return any, fmt.Errorf("load %s: %w", stream, err)
		}
		if u, unknown := r.Event.(domain.Unknown); unknown {
			return any, fmt.Errorf("load %s: event %s version %d at revision %d is not known to this build", stream, u.Type, u.Version, r.Revision)
		}
		if r.Revision >= maxEvents {
			return any, fmt.Errorf("load %s: more than %d events", stream, maxEvents)
		}
		a.state = a.state.Evolve(r.Event)
		a.events, a.position = eventsUpTo(r.Revision), r.Position
		a.seen.add(r.Meta.Command)
		any = true
	}
	return any, nil
}

// Inspect shows the current state of an aggregate and its revision (NoStream if there is none), read afresh from the
// store as far as it is not in memory. The state may be used only within show, and not be changed.
func Inspect[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, show func(S, eventstore.Revision)) error {
	return inspect(ctx, h, stream, true, show)
}

// Peek is Inspect without the look at the store when the state is in memory: another process's changes may be missing.
func Peek[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, show func(S, eventstore.Revision)) error {
	return inspect(ctx, h, stream, false, show)
}

func inspect[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, again bool, show func(S, eventstore.Revision)) error {
	a := obtain[S](h.aggregates, stream)
	a.mu.Lock()
	defer a.mu.Unlock()
	fresh, err := load(ctx, h, stream, a)
	if err == nil && again && !fresh {
		_, _, err = lookAgain(ctx, h, stream, a, eventstore.Position{})
	}
	if err != nil {
		return err
	}
	show(a.state, a.revision())
	return nil
}
