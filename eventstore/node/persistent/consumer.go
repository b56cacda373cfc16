package persistent

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

// Consumer is one connection to a group.
type Consumer struct {
	// From and Username tell who it is, for Info.
	From, Username, Name string

	group   *group
	slots   int // how many events it may have at a time
	held    int
	out     chan Delivery
	dropped chan struct{}
	measure measure
}

// Deliveries are the events for this consumer.
func (c *Consumer) Deliveries() <-chan Delivery { return c.out }

// Dropped is closed when the group was changed or deleted.
func (c *Consumer) Dropped() <-chan struct{} { return c.dropped }

// Action is what a consumer wants to be done with an event that it could not handle.
type Action uint8

// What a consumer may ask for.
const (
	Retry Action = iota
	Park
	Skip
	Stop // leaves the event with the consumer until its time is up
)

func (g *group) connect(c *Consumer, slots int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.dropped {
		return ErrNotFound
	}
	if g.MaxConsumers > 0 && len(g.consumers) >= g.MaxConsumers {
		return ErrTooManyConsumers
	}
	c.group, c.slots = g, max(slots, 1)
	c.out, c.dropped = make(chan Delivery, c.slots), make(chan struct{})
	c.measure.since = time.Now()
	g.consumers = append(g.consumers, c)
	g.pump()
	return nil
}

// Close takes the consumer out of its group. What it had is delivered again, ahead of new events.
func (c *Consumer) Close() {
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	g.consumers = slices.DeleteFunc(g.consumers, func(other *Consumer) bool { return other == c })
	var returned []*message
	for id, m := range g.inFlight {
		if m.consumer == c {
			delete(g.inFlight, id)
			m.consumer = nil
			m.retries++
			returned = append(returned, m)
		}
	}
	slices.SortFunc(returned, func(a, b *message) int { return int(a.at - b.at) })
	g.retry = append(returned, g.retry...)
	g.pump()
}

// Ack says that the events are handled.
func (c *Consumer) Ack(ids []uuid.UUID) {
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		if m := g.inFlight[id]; m != nil && m.consumer == c {
			g.release(m)
			g.finish(m)
		}
	}
	g.pump()
}

// Nack says what is to be done with events that could not be handled.
func (c *Consumer) Nack(ids []uuid.UUID, action Action, reason string) {
	g := c.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		m := g.inFlight[id]
		if m == nil || m.consumer != c || action == Stop {
			continue
		}
		g.release(m)
		switch action {
		case Park:
			g.park(m, reason)
		case Skip:
			g.finish(m)
		default:
			g.retryOrPark(m, reason)
		}
	}
	g.pump()
}

// release takes a message back from its consumer.
func (g *group) release(m *message) {
	delete(g.inFlight, m.id)
	if m.consumer != nil {
		m.consumer.held--
		m.consumer = nil
	}
}

func (g *group) retryOrPark(m *message, reason string) {
	if m.retries >= g.MaxRetryCount {
		g.park(m, reason)
		return
	}
	m.retries++
	g.retry = append(g.retry, m)
}

// finish counts a message as done, and writes the checkpoint when enough are.
func (g *group) finish(m *message) {
	m.done = true
	if m.replayed {
		return
	}
	done := 0
	for done < len(g.ahead) && g.ahead[done].done {
		g.progress = g.ahead[done].at
		done++
	}
	clear(g.ahead[:done])
	g.ahead = g.ahead[done:]
	if len(g.ahead) == 0 {
		g.ahead = nil
	}
	g.unwritten++
	if g.MaxCheckpointCount > 0 && g.unwritten >= g.MaxCheckpointCount {
		g.writeCheckpoint()
	}
}

// pump gives out as much as consumers have room for: first what is to be retried, then what is new.
func (g *group) pump() {
	g.retry = g.giveOut(g.retry)
	g.buffer = g.giveOut(g.buffer)
	if g.stalled && len(g.buffer) < g.HistoryBufferSize {
		g.stalled = false
		g.signal()
	}
}

func (g *group) giveOut(queue []*message) []*message {
	pinned := g.Strategy == Pinned || g.Strategy == PinnedByCorrelation
	kept := queue[:0]
	for i, m := range queue {
		if g.inFlight[m.id] != nil {
			g.finish(m) // the same event is on its way already
			continue
		}
		c := g.choose(m)
		if c == nil {
			kept = append(kept, m)
			if !pinned {
				kept = append(kept, queue[i+1:]...)
				break
			}
			continue
		}
		m.consumer, m.deadline = c, time.Time{}
		if g.MessageTimeout > 0 {
			m.deadline = time.Now().Add(g.MessageTimeout)
		}
		c.held++
		c.measure.count()
		g.measure.count()
		g.inFlight[m.id] = m
		c.out <- Delivery{Event: m.event, Link: m.link, RetryCount: m.retries}
	}
	clear(queue[len(kept):])
	return kept
}

// choose returns the consumer that gets the message, nil if it must wait.
func (g *group) choose(m *message) *Consumer {
	n := len(g.consumers)
	if n == 0 {
		return nil
	}
	switch g.Strategy {
	case Pinned, PinnedByCorrelation:
		if c := g.pinned(m); c.held < c.slots {
			return c
		}
		return nil
	case DispatchToSingle:
		for _, c := range g.consumers {
			if c.held < c.slots {
				return c
			}
		}
	default:
		for range n {
			g.turn = (g.turn + 1) % n
			if c := g.consumers[g.turn]; c.held < c.slots {
				return c
			}
		}
	}
	return nil
}

// pinned gives each stream, or correlation, to the consumer that scores highest for it: when consumers come and
// go, only what belongs to them moves.
func (g *group) pinned(m *message) *Consumer {
	e := m.event
	if e == nil {
		e = m.link
	}
	key := e.AppendStream(nil)
	if g.Strategy == PinnedByCorrelation {
		if id := storage.CorrelationID(e); id != nil {
			key = id
		}
	}
	var best *Consumer
	var highest uint64
	for _, c := range g.consumers {
		h := fnv.New64a()
		_, _ = h.Write(key)
		_, _ = h.Write([]byte(c.From + c.Name))
		if score := h.Sum64(); best == nil || score > highest {
			best, highest = c, score
		}
	}
	return best
}
