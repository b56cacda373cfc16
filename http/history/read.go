package history

import (
	"context"
	"iter"
	"time"

	"avportal/domain"
	"avportal/eventstore"
)

// Span is which part of a reseller's history is read. The zero value is all of it.
type Span struct {
	After    eventstore.Position
	From, To time.Time // From or later, before To; zero for open
	Follow   bool      // go on with what comes
}

// Events yields the events of a reseller in the order of the log, telemetry too, and lines that say how far the reader has come:
// each event of others as a heartbeat, and one where it has caught up.
//
// It goes through the whole log and leaves out what is of others. The links of $ce-<tenant> would be quicker, but they come
// into being a little after their events, and not in one order for both of a tenant's categories.
func Events(ctx context.Context, store eventstore.Store, t domain.Tenant, s Span) iter.Seq2[eventstore.Recorded, error] {
	return func(yield func(eventstore.Recorded, error) bool) {
		after, err := s.start(ctx, store, t)
		if err != nil {
			yield(eventstore.Recorded{}, err)
			return
		}
		pass := func(events iter.Seq2[eventstore.Recorded, error]) (more bool) {
			for r, err := range events {
				if err != nil {
					yield(eventstore.Recorded{}, err)
					return false
				}
				if !s.To.IsZero() && !r.At.Before(s.To) {
					yield(eventstore.Recorded{Position: after}, nil)
					return false
				}
				after = r.Position
				if r.Stream.Tenant != t || r.At.Before(s.From) {
					r = eventstore.Recorded{Position: r.Position, Stream: domain.Stream{Kind: others}}
				}
				if !yield(r, nil) {
					return false
				}
			}
			return true
		}
		if !pass(store.ReadAll(ctx, after, eventstore.Forward, 0)) || !yield(eventstore.Recorded{Position: after}, nil) || !s.Follow {
			return
		}
		pass(store.Subscribe(ctx, after))
	}
}

// others marks an event that is not for the reader, of which only the position is told.
const others domain.Kind = "others"

// Mark reports whether what Events has yielded is no event but tells how far it has come, and whether it has caught up.
func Mark(r eventstore.Recorded) (mark, caughtUp bool) {
	return r.Type == "", r.Type == "" && r.Stream.Kind != others
}

// start is the position after which to read: the one asked for, or, for a time, that of the last of the tenant's events before
// it, which is found by halving since events stand in the order of time.
func (s Span) start(ctx context.Context, store eventstore.Store, t domain.Tenant) (eventstore.Position, error) {
	if s.From.IsZero() {
		return s.After, nil
	}
	start := s.After
	before := eventstore.Position{}
	for i, category := range []string{string(t), string(t) + ".telemetry"} {
		last, err := lastBefore(ctx, store, "$ce-"+category, s.From)
		if err != nil {
			return start, err
		}
		if i == 0 || last.Compare(before) < 0 {
			before = last
		}
	}
	if before.Compare(start) > 0 {
		start = before
	}
	return start, nil
}

// lastBefore is the position of the last event of a category before an instant; zero if there is none.
func lastBefore(ctx context.Context, store eventstore.Store, system string, at time.Time) (eventstore.Position, error) {
	one := func(from eventstore.Revision) (r eventstore.Recorded, found bool, err error) {
		for r, err := range store.ReadLinks(ctx, system, from, eventstore.Backward, 1) {
			return r, err == nil, err
		}
		return r, false, nil
	}
	last, found, err := one(eventstore.End)
	if err != nil || !found {
		return eventstore.Position{}, err
	}
	if last.At.Before(at) {
		return last.Position, nil
	}
	var position eventstore.Position
	low := eventstore.NoStream             // known to be before
	for high := last.Link; high-low > 1; { // high: known not to be before
		middle := low + (high-low)/2
		r, found, err := one(middle)
		switch {
		case err != nil:
			return position, err
		case !found || r.Link <= low:
			low = middle
		case r.At.Before(at):
			low, position = middle, r.Position
		default:
			high = r.Link
		}
	}
	return position, nil
}
