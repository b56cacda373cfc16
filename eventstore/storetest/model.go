package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"avportal/domain"
	"avportal/eventstore"
)

// modelStream is what a stream must hold: its ids, and the place that each append answered with.
type modelStream struct {
	ids    []uuid.UUID
	places []eventstore.Appended // by the revision of an append's last event
}

// decide says what an append must give: the revision of its last event, or a conflict.
func (m *modelStream) decide(expected eventstore.Revision, events []eventstore.Proposed) (last eventstore.Revision, repeated, ok bool) {
	at := int(expected) + 1
	if at == len(m.ids) {
		return expected + eventstore.Revision(len(events)), false, true
	}
	if at > len(m.ids) || at+len(events) > len(m.ids) {
		return 0, false, false
	}
	for i, e := range events {
		if m.ids[at+i] != e.ID {
			return 0, false, false
		}
	}
	return expected + eventstore.Revision(len(events)), true, true
}

// testModel runs random appends, true repeats and reads on a few streams and compares each answer with a model.
func testModel(t *testing.T, open Open) {
	s := open(t, Registry())
	rapid.Check(t, func(rt *rapid.T) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		tenant := newTenant()
		streams := []domain.Stream{newStream(tenant), newStream(tenant)}
		models := []*modelStream{{}, {}}
		var made [][]eventstore.Proposed
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			i := rapid.IntRange(0, 1).Draw(rt, "stream")
			m := models[i]
			events := notes(slices.Repeat([]string{"e"}, rapid.IntRange(1, 3).Draw(rt, "events"))...)
			if len(made) > 0 && rapid.Bool().Draw(rt, "again") {
				events = rapid.SampledFrom(made).Draw(rt, "which")
			}
			made = append(made, events)
			expected := eventstore.Revision(rapid.IntRange(-1, len(m.ids)).Draw(rt, "expected"))
			if rapid.Bool().Draw(rt, "at the end") {
				expected = eventstore.Revision(len(m.ids) - 1)
			}
			if err := step(ctx, s, streams[i], m, expected, events); err != nil {
				rt.Fatal(err)
			}
		}
		for i, stream := range streams {
			if err := matches(ctx, s, stream, models[i]); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func step(ctx context.Context, s eventstore.Store, stream domain.Stream, m *modelStream, expected eventstore.Revision, events []eventstore.Proposed) error {
	last, repeated, ok := m.decide(expected, events)
	got, err := s.Append(ctx, stream, expected, events)
	if !ok {
		if !errors.Is(err, eventstore.ErrConflict) {
			return fmt.Errorf("append after %d of %d events: %w, want a conflict", expected, len(m.ids), err)
		}
		return nil
	}
	if err != nil || got.Revision != last {
		return fmt.Errorf("append after %d of %d events: %v, %w, want revision %d", expected, len(m.ids), got, err, last)
	}
	if repeated {
		if p := m.places[last].Position; !p.IsZero() && p != got.Position {
			return fmt.Errorf("repeated append is at %v, was at %v", got.Position, p)
		}
		return nil
	}
	for _, e := range events {
		m.ids = append(m.ids, e.ID)
		m.places = append(m.places, eventstore.Appended{})
	}
	m.places[last] = got
	return nil
}

func matches(ctx context.Context, s eventstore.Store, stream domain.Stream, m *modelStream) error {
	n := 0
	for r, err := range s.Read(ctx, stream, eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			return err
		}
		if n >= len(m.ids) || r.ID != m.ids[n] || int(r.Revision) != n {
			return fmt.Errorf("event %d is %s at %d", n, r.ID, r.Revision)
		}
		if p := m.places[n].Position; !p.IsZero() && p != r.Position {
			return fmt.Errorf("event %d stands at %v, its append said %v", n, r.Position, p)
		}
		n++
	}
	if n != len(m.ids) {
		return fmt.Errorf("%s holds %d events, want %d", stream, n, len(m.ids))
	}
	return nil
}
