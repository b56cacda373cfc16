package persistent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

const checkpointType = "$SubscriptionCheckpoint"

func isMissing(err error) bool {
	var deleted *storage.StreamDeletedError
	return errors.Is(err, storage.ErrStreamNotFound) || errors.As(err, &deleted)
}

// pointText is how checkpoints are written: a revision, or both halves of a position.
func (k Key) pointText(at int64) string {
	if k.Stream == All {
		return fmt.Sprintf("C:%d/P:%d", at, at)
	}
	return fmt.Sprint(at)
}

func (k Key) parsePoint(text string) (at int64, err error) {
	if k.Stream == All {
		var prepare int64
		_, err = fmt.Sscanf(text, "C:%d/P:%d", &at, &prepare)
		return at, err
	}
	_, err = fmt.Sscanf(text, "%d", &at)
	return at, err
}

func (g *group) loadCheckpoint() (at int64, found bool, err error) {
	var data []byte
	err = g.db.ScanStream(g.checkpointStream(), math.MaxInt64, storage.Backwards, func(e *storage.Entry) bool {
		data = append([]byte(nil), e.Record.Data...)
		return false
	})
	if err != nil || data == nil {
		if isMissing(err) {
			err = nil
		}
		return 0, false, err
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return 0, false, err
	}
	at, err = g.parsePoint(text)
	return at, err == nil, err
}

// submit writes an event of the group's own. The log calls done from its own goroutine, while this one may hold
// the mutex, so done runs in another.
func (g *group) submit(stream string, e storage.Event, done func(error)) {
	a := &storage.Append{Stream: stream, Expected: storage.Any, Events: []storage.Event{e}}
	a.Done = func(a *storage.Append) { go done(a.Err) }
	// Submit may wait for room in the queue of the log, which must not hold up the group.
	go g.db.Submit(a)
}

// writeCheckpoint writes how far the group has come. One write is under way at a time, so that an older checkpoint
// never follows a newer one; what comes meanwhile is written when it is done.
func (g *group) writeCheckpoint() {
	g.checkpointed, g.unwritten = time.Now(), 0
	if g.writing || g.progress == g.checkpoint {
		return
	}
	at := g.progress
	data, err := json.Marshal(g.pointText(at))
	if err != nil {
		return // a string always has JSON
	}
	g.writing = true
	g.submit(g.checkpointStream(), storage.Event{ID: uuid.New(), Type: checkpointType, JSON: true, Data: data}, func(err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.writing = false
		if err != nil {
			return // what is not in a checkpoint is delivered again after a restart
		}
		g.checkpoint = at
		if g.MaxCheckpointCount > 0 && g.progress != at && g.unwritten == 0 {
			g.writeCheckpoint()
		}
	})
}

// park writes a link to the event and counts the message as done when the link is durable.
func (g *group) park(m *message, reason string) {
	original := m.original()
	if m.replayed && m.event != nil {
		original = m.event // the link of a replayed message leads out of the parked stream itself
	}
	link := original.AppendStream(fmt.Appendf(nil, "%d@", original.Revision()))
	metadata, err := json.Marshal(map[string]any{"added": time.Now().UTC().Format(time.RFC3339Nano), "reason": reason, "subscriptionEventNumber": original.Revision()})
	if err != nil {
		metadata = nil
	}
	g.parking++
	g.submit(g.parkedStream(), storage.Event{ID: uuid.New(), Type: storage.LinkType, Data: link, Metadata: metadata}, func(err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.parking--
		if err != nil {
			g.retry = append(g.retry, m) // a consumer may have better luck
		} else {
			g.finish(m)
		}
		g.pump()
	})
}

// replay gives parked events out again, up to a number of the parked stream (exclusive, 0 for all), and takes them
// out of the parked stream.
func (g *group) replay(ctx context.Context, stopAt int64) error {
	state, err := g.db.Stream(g.parkedStream())
	if err != nil || !state.Exists() {
		return err
	}
	end := state.Last + 1
	if stopAt > 0 {
		end = min(end, stopAt)
	}
	var replayed []*message
	err = g.db.ScanStream(g.parkedStream(), 0, storage.Forwards, func(e *storage.Entry) bool {
		if e.Revision() >= end {
			return false
		}
		m := newMessage(e, e.Revision())
		m.replayed = true
		replayed = append(replayed, m)
		return true
	})
	if err != nil && !isMissing(err) {
		return err
	}
	for _, m := range replayed {
		if err := m.resolve(g.db); err != nil {
			return err
		}
	}
	truncate := storage.Event{ID: uuid.New(), Type: storage.MetadataType, JSON: true, Data: fmt.Appendf(nil, `{"$tb":%d}`, end)}
	a := &storage.Append{Stream: "$$" + g.parkedStream(), Expected: storage.Any, Events: []storage.Event{truncate}}
	if err := g.db.Write(ctx, a); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range replayed {
		if m.event != nil {
			g.retry = append(g.retry, m)
		}
	}
	g.pump()
	return nil
}

// parked is how many events are parked.
func (g *group) parked() int64 {
	s, err := g.db.Stream(g.parkedStream())
	if err != nil || !s.Exists() {
		return 0
	}
	return s.Last + 1 - s.Metadata.TruncateBefore
}
