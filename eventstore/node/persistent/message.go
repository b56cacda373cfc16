package persistent

import (
	"time"

	"github.com/google/uuid"

	"avportal/eventstore/node/storage"
)

// message is one event on its way through a group.
type message struct {
	// event is nil for a link that leads nowhere; link is nil unless links are resolved.
	event, link *storage.Entry
	id          uuid.UUID // by which consumers acknowledge: that of the link, or of the event
	at          int64     // revision or position in the source
	done        bool      // acknowledged, skipped or parked
	replayed    bool      // was parked before: it does not count for the checkpoint
	retries     int
	consumer    *Consumer // who has it
	deadline    time.Time // zero for none
}

// Delivery is one event as a consumer gets it.
type Delivery struct {
	Event, Link *storage.Entry
	RetryCount  int
}

// original is what the group read: the link, or the event.
func (m *message) original() *storage.Entry {
	if m.link != nil {
		return m.link
	}
	return m.event
}

// newMessage copies an entry, which is valid during a scan only.
func newMessage(e *storage.Entry, at int64) *message {
	clone := e.Clone()
	return &message{event: &clone, id: clone.ID(), at: at}
}

// resolve follows the link, if it is one.
func (m *message) resolve(db *storage.DB) error {
	e := m.event
	if !e.IsLink() {
		return nil
	}
	m.link, m.event = e, nil
	if e.Carried() {
		target := e.Target()
		m.event = &target
		return nil
	}
	revision, stream, ok := storage.ParseLink(string(e.AppendData(nil)))
	if !ok {
		return nil
	}
	_, err := db.Event(stream, revision, func(found *storage.Entry) {
		clone := found.Clone()
		m.event = &clone
	})
	return err
}
