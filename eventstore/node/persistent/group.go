package persistent

import (
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"avportal/eventstore/node/filter"
	"avportal/eventstore/node/storage"
)

// tickInterval is how often timeouts and the age of the checkpoint are looked at.
const tickInterval = time.Second

// group is one running persistent subscription. A goroutine of its own reads ahead into the buffer; consumers come,
// go and acknowledge under the mutex.
type group struct {
	Config
	db     *storage.DB
	filter *filter.Filter
	wake   chan struct{}
	stop   chan struct{}
	ended  chan struct{}

	mu        sync.Mutex
	dropped   bool
	consumers []*Consumer
	turn      int
	buffer    []*message // read and given to nobody yet
	retry     []*message // to be given again, before the buffer
	inFlight  map[uuid.UUID]*message
	// ahead are the messages from the first that is not done, in order: behind it all is done.
	ahead     []*message
	stalled   bool   // reading ahead waits for room in the buffer
	readAfter int64  // last revision or position read from the source
	seen      uint64 // stream groups: position in the log up to which the source is known to have been read

	progress     int64 // everything up to it is done
	checkpoint   int64 // progress as it was written last
	unwritten    int   // done since then
	writing      bool  // a checkpoint is being written
	checkpointed time.Time
	parking      int // parked events whose link is not durable yet
	failure      error
	measure      measure
}

func newGroup(db *storage.DB, c Config) (*group, error) {
	g := &group{
		Config: c, db: db, inFlight: map[uuid.UUID]*message{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
		checkpointed: time.Now(), measure: measure{since: time.Now()},
	}
	if c.Filter != nil {
		var err error
		if g.filter, err = filter.New(*c.Filter); err != nil {
			return nil, &RefusedError{Reason: err.Error()}
		}
	}
	at, found, err := g.loadCheckpoint()
	if err != nil {
		return nil, fmt.Errorf("checkpoint of %s: %w", c.Key, err)
	}
	if !found {
		at = c.After
	}
	g.readAfter, g.progress, g.checkpoint = at, at, at
	go g.run()
	return g, nil
}

func (g *group) run() {
	defer close(g.ended)
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		changed := g.db.Changed()
		more, err := g.readAhead()
		g.mu.Lock()
		g.failure = err
		g.pump()
		g.mu.Unlock()
		if more {
			changed = closedChannel
		}
		select {
		case <-changed:
			if g.db.Failure() != nil {
				return // nothing will be read or written any more
			}
		case <-g.wake:
		case now := <-tick.C:
			g.tick(now)
		case <-g.stop:
			return
		}
	}
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (g *group) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// room is how many messages may be read ahead.
func (g *group) room() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	room := min(g.ReadBatchSize, g.HistoryBufferSize-len(g.buffer))
	g.stalled = room <= 0
	return room
}

// readAhead fills the buffer with one batch. more says that there is room, and perhaps events, for another.
func (g *group) readAhead() (more bool, err error) {
	room := g.room()
	if room <= 0 {
		return false, nil
	}
	var batch []*message
	after := g.readAfter
	if g.Stream == All {
		batch, after, err = g.readAll(after, room)
	} else {
		batch, after, err = g.readStream(after, room)
	}
	if err != nil {
		return false, err
	}
	if g.ResolveLinks {
		for _, m := range batch {
			if err := m.resolve(g.db); err != nil {
				return false, err
			}
		}
	}
	more = after != g.readAfter
	g.readAfter = after
	g.mu.Lock()
	defer g.mu.Unlock()
	g.buffer = append(g.buffer, batch...)
	g.ahead = append(g.ahead, batch...)
	if len(g.ahead) == 0 && g.Stream == All {
		g.progress = after // nothing between is of interest
	}
	return more, nil
}

// maxExamined bounds how long one batch searches for matches of a filter.
const maxExamined = 16 << 10

func (g *group) readAll(after int64, room int) (batch []*message, reached int64, err error) {
	examined := 0
	reached = after
	err = g.db.ScanAll(uint64(after+1), storage.Forwards, func(e *storage.Entry) bool {
		reached = int64(e.Position())
		if g.filter.Matches(e) && !filter.HiddenInAll(e) {
			batch = append(batch, newMessage(e, reached))
		}
		examined++
		return len(batch) < room && examined < maxExamined
	})
	return batch, reached, err
}

func (g *group) readStream(after int64, room int) (batch []*message, reached int64, err error) {
	end := g.db.Last()
	if !g.mayHaveNews(end) {
		return nil, after, nil
	}
	reached = after
	full := false
	err = g.db.ScanStream(g.Stream, after+1, storage.Forwards, func(e *storage.Entry) bool {
		if full = len(batch) == room; full {
			return false
		}
		reached = e.Revision()
		batch = append(batch, newMessage(e, reached))
		return true
	})
	if !full {
		g.seen = end
	}
	if isMissing(err) {
		err = nil
	}
	return batch, reached, err
}

// mayHaveNews looks through the recent events for one of the source, which is cheaper than to read the source.
func (g *group) mayHaveNews(end uint64) bool {
	if g.seen == 0 {
		return true
	}
	if g.seen == end {
		return false
	}
	news := false
	reached, covered, err := g.db.ScanLive(g.seen, func(e *storage.Entry) bool {
		news = e.InStream(g.Stream)
		return !news
	})
	if err != nil || !covered || news {
		return true
	}
	g.seen = reached
	return reached < end
}

// tick gives up on messages that were not acknowledged in time, and writes the checkpoint if it is due.
func (g *group) tick(now time.Time) {
	g.mu.Lock()
	for _, m := range g.inFlight {
		if !m.deadline.IsZero() && now.After(m.deadline) {
			g.release(m)
			g.retryOrPark(m, "the consumer did not answer in time")
		}
	}
	g.measure.tick(now)
	due := g.CheckpointAfter > 0 && now.Sub(g.checkpointed) >= g.CheckpointAfter && g.unwritten >= max(g.MinCheckpointCount, 1)
	if due {
		g.writeCheckpoint()
	}
	g.pump()
	g.mu.Unlock()
}

// drop ends the group: its consumers are told, and nothing more is read.
func (g *group) drop() {
	g.mu.Lock()
	if !g.dropped {
		g.dropped = true
		close(g.stop)
		for _, c := range g.consumers {
			close(c.dropped)
		}
		g.consumers = nil
	}
	g.mu.Unlock()
	<-g.ended
}
