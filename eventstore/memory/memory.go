// Package memory is an event store in memory, for tests. It decides, links and orders as EventStoreDB does, and
// keeps events as bytes, so that what is read has really been stored.
package memory

import (
	"context"
	"sync"
	"time"

	"avportal/domain"
	"avportal/eventstore"
)

var _ eventstore.Store = (*Store)(nil)

// Store is a view of a log in memory. It is safe for concurrent use.
type Store struct {
	registry *domain.Registry
	keys     eventstore.Keyring
	log      *log
}

// New makes a store with an empty log and a keyring of its own.
func New(registry *domain.Registry) *Store {
	return &Store{registry: registry, keys: NewKeys(), log: &log{
		streams: map[domain.Stream][]*entry{},
		links:   map[string][]*entry{},
		changed: make(chan struct{}),
		now:     time.Now,
	}}
}

// With gives the same log as a build with another registry would see it.
func (s *Store) With(registry *domain.Registry) *Store { return &Store{registry, s.keys, s.log} }

// WithKeys gives the same log as one with another keyring sees it.
func (s *Store) WithKeys(keys eventstore.Keyring) *Store { return &Store{s.registry, keys, s.log} }

// SetClock sets what the time of appended events is taken from. Call it before the store is used.
func (s *Store) SetClock(now func() time.Time) { s.log.now = now }

// log is append-only: entries never change, and a slice read under the lock stays valid.
type log struct {
	mu      sync.Mutex
	now     func() time.Time
	end     uint64 // the position where the last entry or link begins
	all     []*entry
	streams map[domain.Stream][]*entry
	links   map[string][]*entry // of system streams; a link's revision is its index
	changed chan struct{}       // closed at the next append
}

type entry struct {
	eventstore.Stored
	stream   domain.Stream
	revision eventstore.Revision
	position eventstore.Position
	at       time.Time
}

// advance gives the next position. Like byte offsets, positions have gaps.
func (l *log) advance(size int) eventstore.Position {
	l.end += uint64(size) + 64
	return eventstore.Position{Commit: l.end, Prepare: l.end}
}

func (s *Store) recorded(ctx context.Context, e *entry) (eventstore.Recorded, error) {
	r := eventstore.Recorded{
		ID: e.ID, Stream: e.stream, Revision: e.revision, Position: e.position, At: e.at,
		Type: e.Type, Data: e.Data, RawMeta: e.Metadata, Link: eventstore.NoStream,
	}
	return r, r.Decode(ctx, s.registry, s.keys)
}
