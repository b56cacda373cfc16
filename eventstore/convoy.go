package eventstore

import (
	"context"
	"iter"
	"sort"
	"sync"
	"time"
)

// Bounds of a convoy.
const (
	convoyGather   = 50 * time.Millisecond // for others who set out at the same time, as after a start
	convoyPatience = 5 * time.Second       // with the slowest; shorter than tailAge, for the same reason
)

// convoys are a Source whose subscribers go together as far as they can, so that what they have all missed comes and is decoded once.
// Who sets out waits a moment for others. They go on from where the foremost stands; the rest come up to there by themselves. Who falls
// too far behind the others goes on by himself.
type convoys struct {
	store Source

	mu  sync.Mutex
	now *convoy // the last that has set out; nil at first
}

// Subscribe implements Source.
func (c *convoys) Subscribe(ctx context.Context, after Position) iter.Seq2[Recorded, error] {
	return func(yield func(Recorded, error) bool) {
		m := &member{at: after}
		v := c.join(m)
		goOn := v.ride(ctx, m, yield)
		v.leave(m)
		if !goOn {
			return
		}
		for r, err := range c.store.Subscribe(ctx, m.at) {
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// join takes a place in the convoy that is on the way, or begins another.
func (c *convoys) join(m *member) *convoy {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && c.now.takes(m) {
		return c.now
	}
	v := &convoy{store: c.store, members: map[*member]bool{m: true}, begun: make(chan struct{}), drained: make(chan struct{}, 1)}
	c.now = v
	go v.run()
	return v
}

// member is a subscriber on his way.
type member struct {
	at Position // what he has seen; the convoy's to change while he is one of its members
}

// convoy is one reading of the log for several.
type convoy struct {
	store Source
	begun chan struct{} // closed when it has set out

	mu      sync.Mutex
	members map[*member]bool
	start   Position // what follows it is held
	end     Position // of what has been read
	events  []tailEvent
	bytes   int
	over    bool
	moved   chan struct{} // closed at the next change; nil if no member waits
	drained chan struct{} // tells the reader that there may be room; holds at most one signal
}

// takes lets somebody join who need not read by himself first, or before the convoy has set out.
func (v *convoy) takes(m *member) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	gathering := true
	select {
	case <-v.begun:
		gathering = false
	default:
	}
	if v.over || !gathering && (m.at.Compare(v.start) < 0 || m.at.Compare(v.end) > 0) {
		return false
	}
	v.members[m] = true
	return true
}

func (v *convoy) leave(m *member) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.members, m)
	v.trimLocked()
}

// run reads for all until nobody is left.
func (v *convoy) run() {
	time.Sleep(convoyGather)
	v.mu.Lock()
	for m := range v.members {
		if m.at.Compare(v.start) > 0 {
			v.start = m.at
		}
	}
	v.end = v.start
	v.over = len(v.members) == 0
	over := v.over
	close(v.begun)
	v.mu.Unlock()
	if over {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go v.watch(ctx, cancel)
	for r, err := range v.store.Subscribe(ctx, v.start) {
		if err != nil || !v.put(ctx, r) {
			break
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.over = true
	v.wakeLocked()
}

// watch ends the reading when nobody is left, also while there is nothing to read.
func (v *convoy) watch(ctx context.Context, cancel context.CancelFunc) {
	tick := time.NewTicker(convoyGather)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.mu.Lock()
			empty := len(v.members) == 0
			if empty {
				v.over, v.events = true, nil // nobody may join what ends
			}
			v.mu.Unlock()
			if empty {
				cancel()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// put holds an event for the members. While there is no room it waits for the slowest, but not for ever.
func (v *convoy) put(ctx context.Context, r Recorded) bool {
	size := r.size()
	patience := time.NewTimer(convoyPatience)
	defer patience.Stop()
	for {
		v.mu.Lock()
		if len(v.events) == 0 || len(v.events) < tailEvents && v.bytes+size <= tailBytes {
			v.events, v.bytes, v.end = append(v.events, tailEvent{r, time.Now()}), v.bytes+size, r.Position
			v.wakeLocked()
			v.mu.Unlock()
			return true
		}
		v.mu.Unlock()
		select {
		case <-v.drained:
		case <-patience.C:
			v.expelSlowest()
			patience.Reset(convoyPatience)
		case <-ctx.Done():
			return false
		}
	}
}

// expelSlowest lets those go on by themselves for whom the others wait.
func (v *convoy) expelSlowest() {
	v.mu.Lock()
	defer v.mu.Unlock()
	slowest := v.slowestLocked()
	for m := range v.members {
		if m.at.Compare(slowest) <= 0 {
			delete(v.members, m)
		}
	}
	v.trimLocked()
	v.wakeLocked()
}

func (v *convoy) slowestLocked() (at Position) {
	first := true
	for m := range v.members {
		if first || m.at.Compare(at) < 0 {
			at, first = m.at, false
		}
	}
	return at
}

// trimLocked forgets what all members have seen.
func (v *convoy) trimLocked() {
	if len(v.members) == 0 || len(v.events) == 0 {
		return
	}
	n := v.behindLocked(v.slowestLocked())
	if n == 0 {
		return
	}
	v.start = v.events[n-1].Position
	for i := range n {
		v.bytes -= v.events[i].size()
	}
	clear(v.events[:n])
	v.events = v.events[n:]
	signal(v.drained)
}

// behindLocked counts the events up to a position.
func (v *convoy) behindLocked(at Position) int {
	return sort.Search(len(v.events), func(i int) bool { return v.events[i].Position.Compare(at) > 0 })
}

func (v *convoy) wakeLocked() {
	if v.moved != nil {
		close(v.moved)
		v.moved = nil
	}
}
