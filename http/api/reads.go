package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/projections"
)

// Bounds of waiting for a view.
const (
	waitForCaller = 2 * time.Second        // who names a position in Portal-After
	waitForETag   = 250 * time.Millisecond // the answer is good without one
)

// contains waits until the views contain the position that the caller asked for, and answers how far all of them are. It
// comes before the rows are read, so that those are never older.
func (s *server) contains(ctx context.Context, views ...string) (eventstore.Position, error) {
	after := callOf(ctx).after
	ctx, cancel := context.WithTimeout(ctx, waitForCaller)
	defer cancel()
	var least eventstore.Position
	for i, view := range views {
		reached, err := projections.Await(ctx, s.Readers, s.Signals, view, after)
		if errors.Is(err, projections.ErrNotYet) {
			return reached, behind{reached}
		}
		if err != nil {
			return reached, err
		}
		if i == 0 || reached.Compare(least) < 0 {
			least = reached
		}
	}
	return least, nil
}

// object shows one object: read reads its rows and answers how far the view was before. The headers have the ETag of the state
// that was read at least. Sent back as If-Match it may be too old, never too new, so that no change is lost.
func (s *server) object(ctx context.Context, view string, stream domain.Stream, read func(reading) (eventstore.Position, error)) (changedHeaders, error) {
	c := callOf(ctx)
	if c.asOf != nil {
		past, err := s.readPast(ctx, *c.asOf)
		if err != nil {
			return changedHeaders{}, err
		}
		defer past.close()
		_, err = read(past)
		return changedHeaders{PortalPosition: position(past.position)}, err
	}
	if !c.after.IsZero() {
		if _, err := s.contains(ctx, view); err != nil {
			return changedHeaders{}, err
		}
	}
	present := reading{db: s.Readers, at: c.at}
	reached, err := read(present)
	if err != nil {
		return changedHeaders{}, err
	}
	h := changedHeaders{PortalPosition: position(reached)}
	revision, at, known := s.last(ctx, stream, reached)
	if known && at.Compare(reached) > 0 { // what was read is older
		waiting, cancel := context.WithTimeout(ctx, waitForETag)
		defer cancel()
		if _, err := projections.Await(waiting, s.Readers, s.Signals, view, at); err != nil {
			return h, nil //nolint:nilerr // the answer is good without an ETag
		}
		if reached, err = read(present); err != nil {
			return changedHeaders{}, err
		}
	}
	if known {
		h.ETag, h.PortalPosition = etag(revision), position(reached)
	}
	return h, nil
}

// last is the revision and position of a stream's last event, as of a position of the log or later. It is not known while the
// event store is away; that keeps nobody from reading.
func (s *server) last(ctx context.Context, stream domain.Stream, reached eventstore.Position) (r eventstore.Revision, at eventstore.Position, known bool) {
	if r, at, known = s.Changes.Last(stream, reached); known {
		return r, at, true
	}
	ctx, cancel := context.WithTimeout(ctx, waitForETag)
	defer cancel()
	for last, err := range s.Store.Read(ctx, stream, eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			return 0, at, false
		}
		s.Changes.Note(last)
		return last.Revision, last.Position, true
	}
	return 0, at, false
}

// expect refuses a change whose If-Match is outdated, unless it is a repetition. It is for changes that go through several
// streams; those of one stream are checked where they are appended.
func (s *server) expect(ctx context.Context, stream domain.Stream) error {
	c := callOf(ctx)
	if c.expected == nil {
		return nil
	}
	revision := eventstore.NoStream
	for r, err := range s.Store.Read(ctx, stream, eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			return fmt.Errorf("%s: %w", stream, err)
		}
		if r.Meta.Command == c.command {
			return nil
		}
		revision = r.Revision
	}
	if revision != *c.expected {
		return domain.ErrStale
	}
	return nil
}

// activityID parses what the document says is a UUID.
func activityID(id string) (uuid.UUID, bool) {
	u, err := uuid.Parse(id)
	return u, err == nil
}
