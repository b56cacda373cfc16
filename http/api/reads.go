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

// object opens a view for one object, with the ETag of the state that the answer will show at least. Sent back as If-Match it
// may be too old, never too new, so that no change is lost.
func (s *server) object(ctx context.Context, view string, stream domain.Stream) (reading, changedHeaders, error) {
	r, err := s.read(ctx, view)
	if err != nil {
		return r, changedHeaders{}, err
	}
	reached, h := r.position, changedHeaders{PortalPosition: position(r.position)}
	if r.past != nil {
		return r, h, nil
	}
	ctx, cancel := context.WithTimeout(ctx, waitForETag)
	defer cancel()
	for last, err := range s.Store.Read(ctx, stream, eventstore.End, eventstore.Backward, 1) {
		if err != nil {
			break // lists can be read while the event store is away
		}
		if last.Position.Compare(reached) > 0 {
			if reached, err = projections.Await(ctx, s.Readers, s.Signals, view, last.Position); err != nil {
				break
			}
		}
		h.ETag, h.PortalPosition = etag(last.Revision), position(reached)
	}
	return r, h, nil
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
