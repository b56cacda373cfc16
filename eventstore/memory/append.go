package memory

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

// Append implements eventstore.Store.
func (s *Store) Append(ctx context.Context, stream domain.Stream, expected eventstore.Revision, events []eventstore.Proposed) (eventstore.Appended, error) {
	stored, err := eventstore.Encode(ctx, s.registry, s.keys, events)
	if err != nil {
		return eventstore.Appended{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	if err := ctx.Err(); err != nil {
		return eventstore.Appended{}, fmt.Errorf("append to %s: %w", stream, err)
	}
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	entries := s.log.streams[stream]
	last := eventstore.Revision(len(entries) - 1)
	if expected < last && repeats(entries[max(expected+1, 0):], stored) {
		e := entries[int(expected)+len(stored)]
		return eventstore.Appended{Revision: e.revision, Position: e.position}, nil
	}
	if expected != last {
		return eventstore.Appended{}, fmt.Errorf("append to %s after %d, but it is at %d: %w", stream, expected, last, eventstore.ErrConflict)
	}
	return s.log.append(stream, stored), nil
}

// repeats reports whether an append has been made before: the same events stand there already.
func repeats(there []*entry, again []eventstore.Stored) bool {
	if len(there) < len(again) {
		return false
	}
	for i := range again {
		if there[i].ID != again[i].ID {
			return false
		}
	}
	return true
}

func (l *log) append(stream domain.Stream, events []eventstore.Stored) eventstore.Appended {
	added := make([]*entry, len(events))
	for i, stored := range events {
		added[i] = &entry{
			Stored: stored, stream: stream, revision: eventstore.Revision(len(l.streams[stream])),
			position: l.advance(len(stored.Data)), at: l.now().UTC(),
		}
		l.all = append(l.all, added[i])
		l.streams[stream] = append(l.streams[stream], added[i])
	}
	for _, e := range added { // as the system projections do: after the append, with positions of their own
		l.link("$ce-"+stream.Category(), e)
		if meta, err := eventstore.DecodeMetadata(e.Metadata); err == nil && meta.Correlation != uuid.Nil {
			l.link("$bc-"+meta.Correlation.String(), e)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
	last := added[len(added)-1]
	return eventstore.Appended{Revision: last.revision, Position: last.position}
}

func (l *log) link(system string, e *entry) {
	l.links[system] = append(l.links[system], e)
	l.advance(0)
}
