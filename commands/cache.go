package commands

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// cache keeps aggregates by stream. When it is full, one goes that was not used again since the hand of the clock last came by:
// nearly the one least recently used, without a list in that order and what it takes for each. An aggregate that is
// evicted while in use does no harm: whoever appends second from a stale state meets ErrConflict.
type cache struct {
	mu    sync.Mutex
	size  int
	byKey map[streamKey]*aggregate
	clock []*aggregate
	hand  int
}

// streamKey stands for a stream's name, which would take 200 bytes with all its parts. It is of a hash that nobody can find two
// names of.
type streamKey [16]byte

func keyOf(s domain.Stream) (k streamKey) {
	sum := sha256.Sum256([]byte(s.String()))
	copy(k[:], sum[:])
	return k
}

// aggregate is one stream's state in memory. mu makes its callers take turns.
type aggregate struct {
	mu       sync.Mutex
	state    any // *S, nil until loaded
	revision eventstore.Revision
	position eventstore.Position
	seen     []uint64     // the first halves of the ids of all commands in the stream
	noticed  atomic.Int64 // how many events of the stream there are as far as the handler was told

	// The cache's own, under its mutex.
	key  streamKey
	at   uint32 // on the clock
	used bool   // again, since the hand came by
}

func newCache(size int) *cache {
	if size < 1 || size > math.MaxInt32 {
		panic(fmt.Sprintf("commands: cache size %d", size))
	}
	return &cache{size: size, byKey: map[streamKey]*aggregate{}}
}

func (c *cache) get(stream domain.Stream) *aggregate {
	key := keyOf(stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.byKey[key]; a != nil {
		a.used = true
		return a
	}
	if len(c.clock) == c.size {
		c.makeRoom()
	}
	a := &aggregate{revision: eventstore.NoStream, key: key, at: uint32(len(c.clock))} //nolint:gosec // less than the size, which was checked
	c.clock, c.byKey[key] = append(c.clock, a), a
	return a
}

// peek is the stream's aggregate, if there is one.
func (c *cache) peek(stream domain.Stream) *aggregate {
	key := keyOf(stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byKey[key]
}

// clear forgets all aggregates.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.clock) > 0 {
		c.drop(c.clock[len(c.clock)-1])
	}
}

// makeRoom moves the hand to the first aggregate that was not used since it came by, and drops that.
func (c *cache) makeRoom() {
	for {
		c.hand %= len(c.clock)
		a := c.clock[c.hand]
		if !a.used {
			c.drop(a)
			return
		}
		a.used = false
		c.hand++
	}
}

// drop puts the last on the clock where the dropped one was.
func (c *cache) drop(a *aggregate) {
	n := len(c.clock) - 1
	last := c.clock[n]
	last.at, c.clock[a.at] = a.at, last
	c.clock[n] = nil
	c.clock = c.clock[:n]
	delete(c.byKey, a.key)
	a.noticed.Store(unknowable) // for who is using it just now
}

// evict forgets an aggregate, but not one that has taken its place meanwhile.
func (c *cache) evict(a *aggregate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byKey[a.key] == a {
		c.drop(a)
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

// load gives the aggregate's state, from memory if it is there and not known to be outdated (then not fresh).
func load[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *aggregate) (state *S, fresh bool, err error) {
	if s, ok := a.state.(*S); ok {
		if a.outdated() {
			_, err = refresh[S](ctx, h, stream, a)
			return s, true, err
		}
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

// lookAgain makes sure that the state is that of the log up to a position, or, for the zero Position, up to its present end.
// It reports whether it was not, and else up to where it is, if that is known.
func lookAgain[S domain.State[S]](ctx context.Context, h *Handler, stream domain.Stream, a *aggregate, since eventstore.Position) (changed bool, asOf eventstore.Position, err error) {
	if at, ok := h.fresh.reach(ctx, since); ok && !a.outdated() {
		return false, at, nil
	}
	changed, err = refresh[S](ctx, h, stream, a)
	return changed, eventstore.Position{}, err
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
		h.aggregates.evict(a)
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
		_, _, err = lookAgain[S](ctx, h, stream, a, eventstore.Position{})
	}
	if err != nil {
		return err
	}
	show(*state, a.revision)
	return nil
}
