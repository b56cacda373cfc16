package commands

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"avportal/domain"
	"avportal/eventstore"
)

// cache keeps aggregates by stream, least recently used out first. An aggregate that is evicted while in use does no
// harm: whoever appends second from a stale state meets ErrConflict.
type cache struct {
	mu      sync.Mutex
	entries *lru.Cache[domain.Stream, *aggregate]
}

// aggregate is one stream's state in memory. mu makes its callers take turns.
type aggregate struct {
	mu       sync.Mutex
	state    any // *S, nil until loaded
	revision eventstore.Revision
	position eventstore.Position
	seen     []uint64 // the first halves of the ids of all commands in the stream
}

func newCache(size int) *cache {
	entries, err := lru.New[domain.Stream, *aggregate](size)
	if err != nil {
		panic(fmt.Sprintf("commands: cache size %d: %v", size, err))
	}
	return &cache{entries: entries}
}

func (c *cache) get(stream domain.Stream) *aggregate {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.entries.Get(stream)
	if !ok {
		a = &aggregate{revision: eventstore.NoStream}
		c.entries.Add(stream, a)
	}
	return a
}

// evict forgets an aggregate, but not one that has taken its place meanwhile.
func (c *cache) evict(stream domain.Stream, a *aggregate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, ok := c.entries.Peek(stream); ok && now == a {
		c.entries.Remove(stream)
	}
	a.state = nil
}

func (a *aggregate) maySeen(command uuid.UUID) bool {
	return slices.Contains(a.seen, binary.BigEndian.Uint64(command[:8]))
}

func (a *aggregate) remember(command uuid.UUID) {
	id := binary.BigEndian.Uint64(command[:8])
	if n := len(a.seen); n == 0 || a.seen[n-1] != id { // the events of one command stand together
		a.seen = append(a.seen, id)
	}
}

// load gives the aggregate's state, from memory if it is there (then not fresh).
func load[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *aggregate) (state *S, fresh bool, err error) {
	if s, ok := a.state.(*S); ok {
		return s, false, nil
	}
	state = new(S)
	a.revision, a.position, a.seen = eventstore.NoStream, eventstore.Position{}, nil
	if _, err := fold(ctx, h, stream, a, state, eventstore.Start); err != nil {
		return nil, false, err
	}
	a.state = state
	return state, true, nil
}

// refresh folds in what others have appended since, and reports whether there was anything.
func refresh[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *aggregate) (changed bool, err error) {
	state, ok := a.state.(*S)
	if !ok {
		_, _, err := load[S](ctx, h, stream, a)
		return true, err
	}
	changed, err = fold(ctx, h, stream, a, state, a.revision+1)
	if err != nil {
		h.aggregates.evict(stream, a)
		return false, err
	}
	return changed, nil
}

func fold[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *aggregate, state *S, from eventstore.Revision) (any bool, err error) {
	for r, err := range h.store.Read(ctx, stream, from, eventstore.Forward, 0) {
		if err != nil {
			return any, fmt.Errorf("load %s: %w", stream, err)
		}
		if u, unknown := r.Event.(domain.Unknown); unknown {
			return any, fmt.Errorf("load %s: event %s version %d at revision %d is not known to this build", stream, u.Type, u.Version, r.Revision)
		}
		*state = (*state).Evolve(r.Event)
		a.revision, a.position = r.Revision, r.Position
		a.remember(r.Meta.Command)
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
	a := h.aggregates.get(stream)
	a.mu.Lock()
	defer a.mu.Unlock()
	state, fresh, err := load[S](ctx, h, stream, a)
	if err == nil && again && !fresh {
		_, err = refresh[S](ctx, h, stream, a)
	}
	if err != nil {
		return err
	}
	show(*state, a.revision)
	return nil
}
