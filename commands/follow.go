package commands

import (
	"context"
	"sync"
	"time"

	"avportal/eventstore"
)

// freshness tells without a look at each stream whether what is in memory is what the log says. The handler is told of every
// event; so nobody has written to a stream without its knowledge once it knows the log up to where that ended a moment ago.
// Where it ends is asked for all together who want to know.
type freshness struct {
	mu    sync.Mutex
	on    bool
	at    eventstore.Position // up to here every event has been noticed
	next  *round              // of those who ask from now on
	asked chan struct{}       // holds at most one signal, as does moved
	moved chan struct{}
}

// round is what those wait for who ask at about the same time.
type round struct {
	at   eventstore.Position // to be reached
	head bool                // or else where the log ends
	ok   bool
	done chan struct{}
}

// freshPatience bounds how long a command waits to be told of the latest events before it looks into its stream.
const freshPatience = 50 * time.Millisecond

var retryFollow = eventstore.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}

// Follow lets the handler know what others write, until the context ends: those who Watch a stream are woken, and commands
// that find nothing to do need not read their streams to be sure of it. The source is most likely a tail of the store.
func (h *Handler) Follow(ctx context.Context, source eventstore.Source) {
	for failures := 1; ctx.Err() == nil; failures++ {
		if head, err := h.store.Head(ctx); err == nil {
			h.follow(ctx, source, head)
			return
		}
		_ = retryFollow.Wait(ctx, failures) // the loop sees the end of the context
	}
}

func (h *Handler) follow(ctx context.Context, source eventstore.Source, from eventstore.Position) {
	f := &h.fresh
	h.aggregates.clear() // what was read before may have changed before the first event that comes
	f.mu.Lock()
	f.on, f.at = true, from
	f.mu.Unlock()
	var answering sync.WaitGroup
	answering.Go(func() { f.answer(ctx, h.store) })
	for failures := 1; ctx.Err() == nil; failures++ {
		for r, err := range source.Subscribe(ctx, f.position()) {
			if err != nil {
				break
			}
			failures = 1
			h.notice(r)
		}
		_ = retryFollow.Wait(ctx, failures)
	}
	answering.Wait()
}

func (h *Handler) notice(r eventstore.Recorded) {
	h.aggregates.notice(r.Stream, r.Revision)
	h.fresh.mu.Lock()
	h.fresh.at = r.Position
	h.fresh.mu.Unlock()
	signal(h.fresh.moved)
	h.watchers.wake(r.Stream)
}

func (f *freshness) position() eventstore.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

// reach waits until every event up to a position has been noticed, or, for the zero Position, up to where the log ends now. It
// answers how far they have been; ok is false if that can't be known soon.
func (f *freshness) reach(ctx context.Context, at eventstore.Position) (reached eventstore.Position, ok bool) {
	f.mu.Lock()
	if !f.on || !at.IsZero() && f.at.Compare(at) >= 0 {
		defer f.mu.Unlock()
		return f.at, f.on
	}
	if f.next == nil {
		f.next = &round{done: make(chan struct{})}
		signal(f.asked)
	}
	r := f.next
	r.head = r.head || at.IsZero()
	if r.at.Compare(at) < 0 {
		r.at = at
	}
	f.mu.Unlock()
	select {
	case <-r.done:
		return r.at, r.ok
	case <-ctx.Done():
		return r.at, false
	}
}

// answer answers round after round until the context ends.
func (f *freshness) answer(ctx context.Context, store eventstore.Store) {
	for {
		select {
		case <-f.asked:
		case <-ctx.Done():
		}
		f.mu.Lock()
		r := f.next
		f.next, f.on = nil, ctx.Err() == nil
		f.mu.Unlock()
		if r != nil {
			r.ok = f.complete(ctx, store, r)
			close(r.done)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (f *freshness) complete(ctx context.Context, store eventstore.Store, r *round) bool {
	ctx, cancel := context.WithTimeout(ctx, freshPatience)
	defer cancel()
	if r.head {
		head, err := store.Head(ctx)
		if err != nil {
			return false
		}
		if r.at.Compare(head) < 0 {
			r.at = head
		}
	}
	for f.position().Compare(r.at) < 0 {
		select {
		case <-f.moved:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting to be read already
	}
}
