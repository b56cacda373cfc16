package eventstore

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"sort"
	"sync"
	"time"
)

// Bounds of what a Tail holds.
const (
	tailEvents = 4096
	tailBytes  = 8 << 20
	tailAge    = 10 * time.Second // texts of a person who is erased must not be read from here afterwards
)

var retryTail = Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}

// Tail is a Source whose subscribers share one subscription once they have caught up, so that each event comes and is decoded
// once in a process, however many follow the log. Those who are behind what the tail holds read together until they meet it, and who
// falls behind even these reads by himself: none can hold up the others, and a slow one costs no memory. Run feeds it.
//
// Subscribers get the same events: they must not change them.
type Tail struct {
	store interface {
		Source
		Head(context.Context) (Position, error)
	}
	log    *slog.Logger
	behind *convoys

	mu      sync.Mutex
	live    bool
	start   Position // what follows it is held
	events  []tailEvent
	bytes   int
	changed chan struct{} // closed at the next change; nil if nobody waits
}

type tailEvent struct {
	Recorded
	came time.Time
}

// NewTail makes a tail of a log.
func NewTail(store Store, log *slog.Logger) *Tail {
	return &Tail{store: store, log: log, behind: &convoys{store: store}}
}

// Run follows the log from its end until the context ends, through any loss of the connection.
func (t *Tail) Run(ctx context.Context) {
	for failures := 1; ; failures++ {
		err := t.follow(ctx, func() { failures = 0 })
		t.lose()
		if ctx.Err() != nil {
			return
		}
		t.log.Warn("the tail of the log can't be followed just now", "error", err)
		if retryTail.Wait(ctx, max(failures, 1)) != nil {
			return
		}
	}
}

func (t *Tail) follow(ctx context.Context, progress func()) error {
	head, err := t.store.Head(ctx)
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.live, t.start = true, head
	t.mu.Unlock()
	for r, err := range t.store.Subscribe(ctx, head) {
		if err != nil {
			return err
		}
		progress()
		t.add(r, time.Now())
	}
	return errors.New("the subscription ended")
}

func (t *Tail) add(r Recorded, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, tailEvent{r, now})
	t.bytes += r.size()
	n := 0
	for len(t.events)-n > tailEvents || t.bytes > tailBytes {
		t.start, t.bytes = t.events[n].Position, t.bytes-t.events[n].size()
		n++
	}
	clear(t.events[:n]) // the slice moves on through its array, which append replaces in time
	t.events = t.events[n:]
	t.wakeLocked()
}

// lose forgets all: nobody can go on here.
func (t *Tail) lose() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live, t.events, t.bytes = false, nil, 0
	t.wakeLocked()
}

func (t *Tail) wakeLocked() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// Subscribe implements Source.
func (t *Tail) Subscribe(ctx context.Context, after Position) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		for t.catchUp(ctx, &after, yield) && t.together(ctx, &after, yield) {
		}
	}
}

// catchUp reads what the tail does not hold until it does. It reports whether so.
func (t *Tail) catchUp(ctx context.Context, after *Position, yield func(Recorded, error) bool) bool {
	if t.holds(*after) {
		return true
	}
	for r, err := range t.behind.Subscribe(ctx, *after) {
		if !yield(r, err) || err != nil {
			return false
		}
		if *after = r.Position; t.holds(*after) {
			return true
		}
	}
	return false
}

// together reads what the tail holds, and waits for more. It reports whether to catch up again.
func (t *Tail) together(ctx context.Context, after *Position, yield func(Recorded, error) bool) bool {
	var events []Recorded
	for {
		var wait <-chan struct{}
		var held bool
		if events, wait, held = t.take(*after, events[:0]); !held {
			return true
		}
		for _, r := range events {
			if !yield(r, nil) {
				return false
			}
			*after = r.Position
		}
		if len(events) > 0 {
			continue
		}
		select {
		case <-wait:
		case <-ctx.Done():
			yield(Recorded{}, context.Cause(ctx))
			return false
		}
	}
}

func (t *Tail) holds(after Position) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, held := t.firstLocked(after)
	return held
}

// take copies some of what follows a position; if that is nothing yet, it tells when to look again.
func (t *Tail) take(after Position, into []Recorded) (events []Recorded, wait <-chan struct{}, held bool) {
	const some = 256
	t.mu.Lock()
	defer t.mu.Unlock()
	first, held := t.firstLocked(after)
	if !held {
		return into, nil, false
	}
	for _, e := range t.events[first:min(first+some, len(t.events))] {
		into = append(into, e.Recorded)
	}
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return into, t.changed, true
}

// firstLocked finds the first event behind a position, if what follows that is held.
func (t *Tail) firstLocked(after Position) (first int, held bool) {
	if !t.live || after.Compare(t.start) < 0 {
		return 0, false
	}
	first = sort.Search(len(t.events), func(i int) bool { return t.events[i].Position.Compare(after) > 0 })
	return first, first == len(t.events) || time.Since(t.events[first].came) < tailAge
}
