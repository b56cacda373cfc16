// Package changes tells this process's clients what changes in the log. One subscription feeds them all.
package changes

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"avportal/domain"
	"avportal/eventstore"
)

// ErrLost says that events are no longer held that a reader has not read: it was too slow, or away for too long.
var ErrLost = errors.New("changes: what follows is no longer held")

// held is how many events can be read late.
const held = 8192

// Broadcaster holds the latest events, without their bytes. Readers go through them at their own pace: none can hold up
// the others, and a slow one costs no memory.
type Broadcaster struct {
	store  eventstore.Store
	source eventstore.Source
	log    *slog.Logger

	mu     sync.Mutex
	ring   []eventstore.Recorded
	end    uint64                            // how many events have come in all; event n stands at ring[n%held]
	head   eventstore.Position               // of the last one
	begun  bool                              // head is known
	start  eventstore.Position               // what came before was never held
	lost   map[domain.Tenant]dropped         // the last event of each tenant that is no longer held
	waits  map[domain.Tenant][]chan struct{} // readers that wait
	beginC chan struct{}                     // closed when begun

	last *lru.Cache[domain.Stream, mark] // of streams that changed or were asked for of late
}

// mark is the last event of a stream.
type mark struct {
	revision eventstore.Revision
	position eventstore.Position
}

// remembered is how many streams' last events are known, about 200 bytes each.
const remembered = 50_000

type dropped struct {
	number   uint64
	position eventstore.Position
}

// New makes a Broadcaster, which follows the log by source, most likely a tail of the store; Run feeds it.
func New(store eventstore.Store, source eventstore.Source, log *slog.Logger) *Broadcaster {
	last, err := lru.New[domain.Stream, mark](remembered)
	if err != nil {
		panic(err) // only for a size of 0
	}
	return &Broadcaster{
		store: store, source: source, log: log, ring: make([]eventstore.Recorded, held), beginC: make(chan struct{}),
		lost: map[domain.Tenant]dropped{}, waits: map[domain.Tenant][]chan struct{}{}, last: last,
	}
}

// Run follows the log from its present end until the context ends, through any loss of the connection.
func (b *Broadcaster) Run(ctx context.Context) {
	const pauseMin, pauseMax = 100 * time.Millisecond, 5 * time.Second
	pause := pauseMin
	for ctx.Err() == nil {
		err := b.follow(ctx, func() { pause = pauseMin })
		if ctx.Err() != nil {
			return
		}
		b.log.Warn("change stream: the log can't be followed just now", "err", err, "again_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, pauseMax)
	}
}

func (b *Broadcaster) follow(ctx context.Context, progress func()) error {
	if !b.begun {
		head, err := b.store.Head(ctx)
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.head, b.start, b.begun = head, head, true
		b.mu.Unlock()
		close(b.beginC)
	}
	for r, err := range b.source.Subscribe(ctx, b.head) {
		if err != nil {
			return err
		}
		progress()
		b.add(r)
	}
	return errors.New("the subscription ended")
}

func (b *Broadcaster) add(r eventstore.Recorded) {
	r.Data, r.RawMeta = nil, nil
	b.mu.Lock()
	defer b.mu.Unlock()
	slot := b.end % held
	if b.end >= held {
		old := b.ring[slot]
		b.lost[old.Stream.Tenant] = dropped{b.end - held, old.Position}
	}
	b.ring[slot], b.head = r, r.Position
	b.end++
	b.noteLocked(r)
	for _, wait := range b.waits[r.Stream.Tenant] {
		close(wait)
	}
	delete(b.waits, r.Stream.Tenant)
}

// Note tells of an event that was read as the last of its stream.
func (b *Broadcaster) Note(r eventstore.Recorded) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noteLocked(r)
}

func (b *Broadcaster) noteLocked(r eventstore.Recorded) {
	if before, known := b.last.Peek(r.Stream); known && before.revision > r.Revision {
		return // it was read before that one came
	}
	b.last.Add(r.Stream, mark{r.Revision, r.Position})
}

// Last is the last event of a stream up to a position of the log; ok is false where that is not known here.
func (b *Broadcaster) Last(stream domain.Stream, upTo eventstore.Position) (r eventstore.Revision, at eventstore.Position, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, known := b.last.Get(stream)
	if !known || !b.begun || b.head.Compare(upTo) < 0 || m.position.Compare(upTo) > 0 {
		return 0, at, false
	}
	return m.revision, m.position, true
}

// Reader goes through the changes of one tenant. It is for one goroutine.
type Reader struct {
	b      *Broadcaster
	tenant domain.Tenant
	next   uint64
}

// From makes a reader of what follows a position, or, for the zero Position, of what comes from now on; it also answers
// the position it begins behind. ErrLost means that what follows is not held. It waits until Run has begun.
func (b *Broadcaster) From(ctx context.Context, t domain.Tenant, after eventstore.Position) (*Reader, eventstore.Position, error) {
	select {
	case <-b.beginC:
	case <-ctx.Done():
		return nil, after, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &Reader{b: b, tenant: t, next: b.end}
	if after.IsZero() {
		return r, b.head, nil
	}
	if after.Compare(b.start) < 0 || after.Compare(b.lost[t].position) < 0 {
		return r, b.head, ErrLost
	}
	for r.next > 0 && b.end-r.next < held && b.ring[(r.next-1)%held].Position.Compare(after) > 0 {
		r.next--
	}
	return r, after, nil
}

// Next waits for changes and answers those that are there, at most so many. An empty answer means that the context has
// ended; ErrLost that the reader was too slow.
func (r *Reader) Next(ctx context.Context, limit int) ([]eventstore.Recorded, error) {
	for {
		events, wait, err := r.take(limit)
		if err != nil || len(events) > 0 {
			return events, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			r.b.forget(r.tenant, wait)
			return nil, nil
		}
	}
}

func (r *Reader) take(limit int) (events []eventstore.Recorded, wait chan struct{}, err error) {
	b := r.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.end > held && r.next < b.end-held {
		if l, ok := b.lost[r.tenant]; ok && l.number >= r.next {
			return nil, nil, ErrLost
		}
		r.next = b.end - held
	}
	for ; r.next < b.end && len(events) < limit; r.next++ {
		if e := b.ring[r.next%held]; e.Stream.Tenant == r.tenant {
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		wait = make(chan struct{})
		b.waits[r.tenant] = append(b.waits[r.tenant], wait)
	}
	return events, wait, nil
}

// forget takes back a wait that has not ended.
func (b *Broadcaster) forget(t domain.Tenant, wait chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.waits[t]
	for i, w := range list {
		if w == wait {
			b.waits[t] = append(list[:i:i], list[i+1:]...)
			if len(b.waits[t]) == 0 {
				delete(b.waits, t)
			}
			return
		}
	}
}
