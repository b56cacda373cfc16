package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/domain"
	"avportal/eventstore"
)

// Read implements eventstore.Store. While the server is away, it waits, and goes on behind what it has yielded.
func (s *Store) Read(ctx context.Context, stream domain.Stream, from eventstore.Revision, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return s.read(ctx, func() *query { return streamQuery(stream.String(), from, d, limit) })
}

// ReadLinks implements eventstore.Store.
func (s *Store) ReadLinks(ctx context.Context, system string, from eventstore.Revision, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return s.read(ctx, func() *query { return linksQuery(system, from, d, limit) })
}

// ReadAll implements eventstore.Store.
func (s *Store) ReadAll(ctx context.Context, from eventstore.Position, d eventstore.Direction, limit int) iter.Seq2[eventstore.Recorded, error] {
	return s.read(ctx, func() *query {
		if d == eventstore.Backward {
			return backwardQuery(from, limit)
		}
		return forwardQuery(from, limit, false)
	})
}

// Subscribe implements eventstore.Store. It waits for a server to begin with, but ends with the first fault after that.
func (s *Store) Subscribe(ctx context.Context, after eventstore.Position) iter.Seq2[eventstore.Recorded, error] {
	return s.read(ctx, func() *query { return forwardQuery(after, 0, true) })
}

// Head implements eventstore.Store.
func (s *Store) Head(ctx context.Context) (eventstore.Position, error) {
	for r, err := range s.ReadAll(ctx, eventstore.Position{}, eventstore.Backward, 1) {
		return r.Position, err
	}
	return eventstore.Position{}, nil
}

// read runs a query to its end, however many links that takes.
func (s *Store) read(ctx context.Context, begin func() *query) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		q := begin()
		for failures := 1; q.left > 0; failures++ {
			before := q.left
			err := s.readOnce(ctx, q, yield)
			if q.left != before {
				failures = 1
			}
			switch {
			case err == nil:
				return
			case errors.Is(err, errMore):
				continue
			case !q.live && transient(err) && retryCalls.Wait(ctx, failures) == nil:
				continue
			}
			if s.ctx.Err() != nil && !errors.Is(err, errClosed) { // its connection may end before the context of the query does
				err = fmt.Errorf("%w: %w", errClosed, err)
			}
			yield(eventstore.Recorded{}, q.failed(ctx, err))
			return
		}
	}
}

// failed is the error that the reader sees: the end of its own context, a store that is away, or a refusal.
func (q *query) failed(ctx context.Context, err error) error {
	if ended := context.Cause(ctx); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	} else if ended == nil && transient(err) {
		err = fmt.Errorf("%w: %w", eventstore.ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", q.what, err)
}

// errMore means that what was passed by has taken up part of what was asked for.
var errMore = errors.New("there is more")

// readOnce reads over one link. No error means that all has been read, or that the reader has had enough.
func (s *Store) readOnce(ctx context.Context, q *query, yield func(eventstore.Recorded, error) bool) error {
	began := time.Now()
	pumping, cancel := context.WithCancel(ctx)
	defer cancel()
	p, err := s.pump(pumping, q)
	if err != nil {
		return err
	}
	for {
		events, err := p.take(ctx, s.callTimeout)
		if len(events) == 0 {
			return s.ended(ctx, q, p, err, began)
		}
		for i := range events {
			if err := events[i].Decode(ctx, s.registry, s.keys); err != nil {
				return fmt.Errorf("%w: %w", errFinal, err)
			}
			q.pass(&events[i])
			q.left--
			if !yield(events[i], nil) || q.left == 0 {
				return nil
			}
		}
		p.buffer.GiveBack(events)
	}
}

// ended judges why no more events come over a link.
func (s *Store) ended(ctx context.Context, q *query, p *pump, err error, began time.Time) error {
	if errors.Is(err, io.EOF) && !q.live {
		if q.skips && p.received == q.asked {
			q.pass(&p.last)
			return errMore
		}
		return nil
	}
	if over(ctx) != nil {
		err = leaving(ctx, began)
	}
	if breaks(err) {
		s.retire(p.link, err)
	}
	return err
}

// convert gives an event of the client its own form. It reports false for what is not the portal's.
func convert(from *client.ResolvedEvent) (r eventstore.Recorded, ours bool) {
	e := from.Event
	if e == nil {
		return eventstore.Recorded{Link: eventstore.NoStream}, false
	}
	r = eventstore.Recorded{
		ID: e.EventID, Revision: eventstore.Revision(e.EventNumber), //nolint:gosec // revisions stay below 2^63
		Position: eventstore.Position{Commit: e.Position.Commit, Prepare: e.Position.Prepare},
		At:       e.CreatedDate, Type: e.EventType, Data: e.Data, RawMeta: e.UserMetadata, Link: eventstore.NoStream,
	}
	var err error
	r.Stream, err = domain.ParseStream(e.StreamID)
	return r, err == nil
}
