package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
)

func testRoundTrip(t *testing.T, open Open) {
	s := open(t, Registry())
	stream := newStream(newTenant())
	p := notes("grüße <&> \"\\ \u2028")[0]
	p.Meta.Fingerprint, p.Meta.OnBehalfOf, p.Meta.Causation = "f", "o", uuid.New()
	begin := time.Now()
	a := mustAppend(t, s, stream, eventstore.NoStream, p)
	for _, r := range [][]eventstore.Recorded{
		collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0)),
		take(t, s.ReadAll(within(t), eventstore.Position{}, eventstore.Backward, 0), stream.Tenant, 1),
	} {
		if len(r) != 1 {
			t.Fatalf("read %d events, want 1", len(r))
		}
		meta := p.Meta
		meta.Version = 1
		got := r[0]
		if got.ID != p.ID || got.Stream != stream || got.Revision != 0 || got.Type != "storetest.noted" || got.Event != p.Event || got.Meta != meta {
			t.Errorf("read %+v\nwant %+v with %+v", got, p, meta)
		}
		if got.Position != a.Position || a.Revision != 0 || got.Position.IsZero() {
			t.Errorf("appended at %v, read at %v", a, got.Position)
		}
		if got.Link != eventstore.NoStream || got.At.Location() != time.UTC || got.At.Before(begin.Add(-time.Minute)) || got.At.After(time.Now().Add(time.Minute)) {
			t.Errorf("link %d, at %v", got.Link, got.At)
		}
		rawMeta, err := eventstore.EncodeMetadata(meta)
		data, _, err2 := Registry().Encode(p.Event, nil)
		if err != nil || err2 != nil || !bytes.Equal(got.RawMeta, rawMeta) || !bytes.Equal(got.Data, data) {
			t.Errorf("stored bytes differ: %s %s", got.RawMeta, got.Data)
		}
	}
}

func testConflict(t *testing.T, open Open) {
	s := open(t, Registry())
	tenant := newTenant()
	stream := newStream(tenant)
	mustAppend(t, s, stream, eventstore.NoStream, notes("a", "b", "c")...)
	for _, expected := range []eventstore.Revision{eventstore.NoStream, 0, 1, 3, 1000} {
		if _, err := s.Append(within(t), stream, expected, notes("x")); !errors.Is(err, eventstore.ErrConflict) {
			t.Errorf("append after %d to a stream at 2: %v, want a conflict", expected, err)
		}
	}
	empty := newStream(tenant)
	if _, err := s.Append(within(t), empty, 0, notes("x")); !errors.Is(err, eventstore.ErrConflict) {
		t.Errorf("append after 0 to a stream that does not exist: %v, want a conflict", err)
	}
	want(t, collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0)), "a b c")
	want(t, collect(t, s.Read(within(t), empty, eventstore.Start, eventstore.Forward, 0)), "")
	if a := mustAppend(t, s, stream, 2, notes("d")...); a.Revision != 3 {
		t.Errorf("appended at %d, want 3", a.Revision)
	}
}

func testRepeat(t *testing.T, open Open) {
	s := open(t, Registry())
	stream := newStream(newTenant())
	first, second := notes("a", "b"), notes("c", "d", "e")
	at1 := mustAppend(t, s, stream, eventstore.NoStream, first...)
	at2 := mustAppend(t, s, stream, at1.Revision, second...)
	same := func(when string) {
		t.Helper()
		if a := mustAppend(t, s, stream, eventstore.NoStream, first...); a != at1 {
			t.Errorf("%s: the first append repeated gives %v, was %v", when, a, at1)
		}
		if a := mustAppend(t, s, stream, at1.Revision, second...); a != at2 {
			t.Errorf("%s: the second append repeated gives %v, was %v", when, a, at2)
		}
	}
	same("at once")
	mustAppend(t, s, stream, at2.Revision, notes("f")...)
	mustAppend(t, s, newStream(stream.Tenant), eventstore.NoStream, notes("elsewhere")...)
	same("after others")
	if a := mustAppend(t, s, stream, at1.Revision, second[:2]...); a.Revision != 3 || a.Position.Compare(at2.Position) >= 0 {
		t.Errorf("the first two of three repeated give %v, the three were at %v", a, at2)
	}
	for name, again := range map[string][]eventstore.Proposed{
		"a later event differs": {second[0], second[1], notes("x")[0]},
		"the first differs":     {notes("x")[0], second[1], second[2]},
		"in another order":      {second[1], second[0], second[2]},
	} {
		if _, err := s.Append(within(t), stream, at1.Revision, again); !errors.Is(err, eventstore.ErrConflict) {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
	want(t, collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0)), "a b c d e f")
}

func testAtomic(t *testing.T, open Open) {
	s := open(t, Registry())
	stream := newStream(newTenant())
	a := mustAppend(t, s, stream, eventstore.NoStream, notes("a", "b", "c", "d")...)
	events := collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0))
	want(t, events, "a b c d")
	for i, r := range events {
		if r.Revision != eventstore.Revision(i) || i > 0 && r.Position.Compare(events[i-1].Position) <= 0 {
			t.Errorf("event %d stands at revision %d, position %v", i, r.Revision, r.Position)
		}
	}
	if last := events[3]; a.Revision != 3 || a.Position != last.Position {
		t.Errorf("append says %v, the last event stands at %v", a, last.Position)
	}
	if inAll := take(t, s.ReadAll(within(t), events[2].Position, eventstore.Forward, 0), stream.Tenant, 1); inAll[0].Position != a.Position {
		t.Errorf("append says %v, in the whole log the last event stands at %v", a.Position, inAll[0].Position)
	}
}

func testRefused(t *testing.T, open Open) {
	s := open(t, domain.NewRegistry([]domain.Declaration{domain.Declare[Noted](1)}))
	stream := newStream(newTenant())
	undeclared := notes("x")
	undeclared[0].Event = Hinted{"x"}
	nameless := notes("x", "y")
	nameless[1].ID = uuid.Nil
	for name, events := range map[string][]eventstore.Proposed{"no events": nil, "no id": nameless, "undeclared": undeclared} {
		if _, err := s.Append(within(t), stream, eventstore.NoStream, events); err == nil || errors.Is(err, eventstore.ErrConflict) || errors.Is(err, eventstore.ErrUnavailable) {
			t.Errorf("%s: %v, want a plain refusal", name, err)
		}
	}
	want(t, collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0)), "")
}

func testLarge(t *testing.T, open Open) {
	s := open(t, Registry())
	stream := newStream(newTenant())
	for name, events := range map[string][]eventstore.Proposed{
		"one event":      notes(strings.Repeat("x", eventstore.MaxAppendBytes)),
		"three together": notes(strings.Repeat("x", 400_000), strings.Repeat("y", 400_000), strings.Repeat("z", 400_000)),
		"far too large":  notes(strings.Repeat("x", 20<<20)),
	} {
		if _, err := s.Append(within(t), stream, eventstore.NoStream, events); !errors.Is(err, eventstore.ErrTooLarge) {
			t.Errorf("%s: %v, want too large", name, err)
		}
	}
	text := strings.Repeat("x", eventstore.MaxAppendBytes-1024)
	mustAppend(t, s, stream, eventstore.NoStream, notes(text)...)
	events := collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0))
	if len(events) != 1 || textOf(events[0]) != text {
		t.Errorf("a large event did not come back")
	}
}

func testConcurrentWriters(t *testing.T, open Open) {
	const writers, rounds = 8, 20
	s := open(t, Registry())
	stream := newStream(newTenant())
	for revision := eventstore.NoStream; revision < rounds-1; revision++ {
		var wins sync.Map
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				a, err := s.Append(within(t), stream, revision, notes(fmt.Sprint(w)))
				if err == nil {
					wins.Store(w, a.Revision)
				} else if !errors.Is(err, eventstore.ErrConflict) {
					t.Errorf("writer %d: %v", w, err)
				}
			})
		}
		group.Wait()
		n, winner := 0, ""
		wins.Range(func(w, at any) bool {
			n, winner = n+1, fmt.Sprint(w)
			if at != revision+1 {
				t.Errorf("writer %v won %v, want %d", w, at, revision+1)
			}
			return true
		})
		if n != 1 {
			t.Fatalf("%d writers won revision %d, want exactly one", n, revision+1)
		}
		want(t, collect(t, s.Read(within(t), stream, revision+1, eventstore.Forward, 0)), winner)
	}
}
