package esdb

import (
	"context"
	"errors"
	"fmt"

	"avportal/domain"
	"avportal/eventstore"
)

// write is one append on its way: what is repeated, byte for byte, until its outcome is known.
type write struct {
	stream   string
	expected eventstore.Revision
	events   []eventstore.Stored
}

// last is the revision of the last event. It follows from the expected one, which is always exact.
func (w write) last() eventstore.Revision { return w.expected + eventstore.Revision(len(w.events)) }

// Append implements eventstore.Store. While the server is away it repeats the append, with the same event ids at the
// same revision, until the context ends.
func (s *Store) Append(ctx context.Context, stream domain.Stream, expected eventstore.Revision, events []eventstore.Proposed) (eventstore.Appended, error) {
	w := write{stream: stream.String(), expected: expected}
	position, err := s.append(ctx, stream, &w, events)
	if err != nil {
		return eventstore.Appended{}, fmt.Errorf("append to %s: %w", w.stream, err)
	}
	return eventstore.Appended{Revision: w.last(), Position: position}, nil
}

func (s *Store) append(ctx context.Context, stream domain.Stream, w *write, events []eventstore.Proposed) (position eventstore.Position, err error) {
	if w.expected < eventstore.NoStream {
		return position, fmt.Errorf("%d is no revision", w.expected)
	}
	if w.events, err = eventstore.Encode(ctx, s.registry, s.keys, events); err != nil {
		return position, err
	}
	if err := ctx.Err(); err != nil {
		return position, err // nothing was sent
	}
	for failures := 1; ; failures++ {
		position, err = s.appendOnce(ctx, *w)
		if err == nil && position.IsZero() {
			position, err = s.positionOf(ctx, stream, w.last())
		}
		switch {
		case err == nil:
			return position, nil
		case errors.Is(err, errClosed) || ctx.Err() != nil:
			return position, fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
		case !transient(err):
			return position, err
		}
		if waited := s.pause(ctx, failures); waited != nil {
			return position, fmt.Errorf("%w: %w: %w", eventstore.ErrUnavailable, waited, err)
		}
	}
}

// appendOnce makes one attempt. A position of zero means that the server did not tell it, as it may for a repetition.
func (s *Store) appendOnce(ctx context.Context, w write) (eventstore.Position, error) {
	l, err := s.acquire(ctx)
	if err != nil {
		return eventstore.Position{}, err
	}
	if l.batch == nil {
		return s.appendUnary(ctx, l, w)
	}
	defer s.release(l)
	position, err := l.batch.append(ctx, w)
	if err != nil && breaks(err) {
		s.retire(l, err)
	}
	return position, err
}

// positionOf reads where an event stands.
func (s *Store) positionOf(ctx context.Context, stream domain.Stream, revision eventstore.Revision) (eventstore.Position, error) {
	for r, err := range s.Read(ctx, stream, revision, eventstore.Forward, 1) {
		return r.Position, err
	}
	return eventstore.Position{}, fmt.Errorf("event %d was appended but can't be read: %w", revision, errFinal)
}

// pause waits before a call is repeated, unless the caller or the store ends.
func (s *Store) pause(ctx context.Context, failures int) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if retryCalls.Wait(ctx, failures) != nil {
		return context.Cause(ctx)
	}
	return nil
}
