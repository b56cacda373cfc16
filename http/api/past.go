package api

import (
	"context"
	"errors"
	"time"

	"avportal/eventstore"
	"avportal/projections"
	"avportal/projections/states"
)

// reading is what a read works on: the views as they are, or as they were at a moment. Close it.
type reading struct {
	db       projections.Querier
	at       time.Time // at which states are judged
	position eventstore.Position
	past     *projections.Reading // nil: the present
}

// read opens views as they are, when they contain the position that the caller asked for, or as they were.
func (s *server) read(ctx context.Context, views ...string) (reading, error) {
	if w := callOf(ctx).asOf; w != nil {
		return s.readPast(ctx, *w)
	}
	reached, err := s.contains(ctx, views...)
	return reading{db: s.Readers, at: callOf(ctx).at, position: reached}, err
}

func (s *server) readPast(ctx context.Context, w projections.When) (reading, error) {
	past, err := s.Past.Open(ctx, w, callOf(ctx).actor.Tenant)
	var b projections.Building
	switch {
	case errors.Is(err, projections.ErrFuture):
		return reading{}, invalidRequest("as_of", "in_the_future", "This moment has not come yet.")
	case errors.As(err, &b):
		return reading{}, building{b}
	case err != nil:
		return reading{}, err
	}
	return reading{db: past, at: past.At, position: past.Position, past: past}, nil
}

// reached is how far a view is. Ask before reading its rows.
func (r reading) reached(ctx context.Context, view string) (eventstore.Position, error) {
	if r.past != nil {
		return r.position, nil
	}
	return projections.Position(ctx, r.db, view)
}

func (r reading) close() {
	if r.past != nil {
		r.past.Close()
	}
}

// onlyNow refuses a parameter that means nothing in the past, where nobody knows when devices were last heard of.
func (c *call) onlyNow(parameter string, given bool) error {
	if c.asOf == nil || !given {
		return nil
	}
	return invalidRequest(parameter, "not_in_the_past", "When devices called in is not known of the past.")
}

// contact is left out of the past.
func (r reading) contact(c states.Contact) *Contact {
	if r.past != nil {
		return nil
	}
	return some(Contact(c))
}
