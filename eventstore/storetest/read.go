package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"avportal/domain"
	"avportal/eventstore"
)

func testRead(t *testing.T, open Open) {
	s := open(t, Registry())
	stream := newStream(newTenant())
	mustAppend(t, s, stream, eventstore.NoStream, notes("0", "1", "2", "3", "4")...)
	const forward, backward = eventstore.Forward, eventstore.Backward
	for _, c := range []struct {
		from  eventstore.Revision
		d     eventstore.Direction
		limit int
		want  string
	}{
		{eventstore.Start, forward, 0, "0 1 2 3 4"},
		{eventstore.Start, forward, 2, "0 1"},
		{eventstore.Start, forward, 5, "0 1 2 3 4"},
		{eventstore.Start, forward, 100, "0 1 2 3 4"},
		{3, forward, 0, "3 4"},
		{4, forward, 1, "4"},
		{5, forward, 0, ""},
		{eventstore.End, backward, 0, "4 3 2 1 0"},
		{eventstore.End, backward, 1, "4"},
		{eventstore.End, backward, 3, "4 3 2"},
		{2, backward, 0, "2 1 0"},
		{2, backward, 2, "2 1"},
		{0, backward, 0, "0"},
	} {
		t.Run(fmt.Sprintf("from %d backward %v limit %d", c.from, c.d, c.limit), func(t *testing.T) {
			events := collect(t, s.Read(within(t), stream, c.from, c.d, c.limit))
			want(t, events, c.want)
			for _, r := range events {
				if fmt.Sprint(r.Revision) != textOf(r) || r.Position.IsZero() || r.Stream != stream {
					t.Errorf("event %s stands at %d@%s, position %v", textOf(r), r.Revision, r.Stream, r.Position)
				}
			}
		})
	}
	missing := newStream(stream.Tenant)
	want(t, collect(t, s.Read(within(t), missing, eventstore.Start, forward, 0)), "")
	want(t, collect(t, s.Read(within(t), missing, eventstore.End, backward, 1)), "")
	want(t, take(t, s.Read(within(t), stream, eventstore.Start, forward, 0), stream.Tenant, 2), "0 1") // a reader may stop early
}

func testUnknown(t *testing.T, open Open) {
	newer, older := open(t, Registry()), open(t, domain.NewRegistry([]domain.Declaration{domain.Declare[Noted](1)}))
	stream := newStream(newTenant())
	events := notes("a", "", "b")
	events[1].Event = Hinted{"hint"}
	mustAppend(t, newer, stream, eventstore.NoStream, events...)
	for name, seq := range map[string]iter.Seq2[eventstore.Recorded, error]{
		"read":      older.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0),
		"subscribe": older.Subscribe(within(t), eventstore.Position{}),
	} {
		r := take(t, seq, stream.Tenant, 3)
		want(t, r, "a storetest.hinted b")
		if u, ok := r[1].Event.(domain.Unknown); !ok || u.Type != "storetest.hinted" || u.Version != 1 || string(u.Data) != `{"Text":"hint"}` {
			t.Errorf("%s: event is %#v, want unknown", name, r[1].Event)
		}
		if r[1].Meta.Command != events[1].Meta.Command {
			t.Errorf("%s: metadata of an unknown event is %+v", name, r[1].Meta)
		}
	}
}

func testTenantLinks(t *testing.T, open Open) {
	s := open(t, Registry())
	tenant, other := newTenant(), newTenant()
	system := "$ce-" + string(tenant)
	want(t, collect(t, s.ReadLinks(within(t), system, eventstore.Start, eventstore.Forward, 0)), "")
	one, two := newStream(tenant), newStream(tenant)
	telemetry := newStream(tenant)
	telemetry.Telemetry = true
	mustAppend(t, s, one, eventstore.NoStream, notes("a", "b")...)
	mustAppend(t, s, telemetry, eventstore.NoStream, notes("t")...)
	mustAppend(t, s, newStream(other), eventstore.NoStream, notes("o")...)
	mustAppend(t, s, two, eventstore.NoStream, notes("c")...)
	last := mustAppend(t, s, one, 1, notes("d")...)
	events := eventually(t, 4, func() iter.Seq2[eventstore.Recorded, error] {
		return s.ReadLinks(within(t), system, eventstore.Start, eventstore.Forward, 0)
	})
	want(t, events, "a b c d")
	for i, r := range events {
		if r.Link != eventstore.Revision(i) {
			t.Errorf("link %d has revision %d", i, r.Link)
		}
	}
	if d := events[3]; d.Stream != one || d.Revision != 2 || d.Position != last.Position || d.Meta.Command.String() == "" {
		t.Errorf("the event behind the link is %+v", d)
	}
	for _, c := range []struct {
		from  eventstore.Revision
		d     eventstore.Direction
		limit int
		want  string
	}{
		{eventstore.Start, eventstore.Forward, 2, "a b"},
		{2, eventstore.Forward, 2, "c d"},
		{4, eventstore.Forward, 2, ""},
		{eventstore.End, eventstore.Backward, 3, "d c b"},
		{0, eventstore.Backward, 3, "a"},
		{2, eventstore.Backward, 2, "c b"},
	} {
		want(t, collect(t, s.ReadLinks(within(t), system, c.from, c.d, c.limit)), c.want)
	}
}

func testActivityLinks(t *testing.T, open Open) {
	s := open(t, Registry())
	tenant := newTenant()
	cause := notes("asked")
	effect := notes("sent", "answered")
	for i := range effect {
		effect[i].Meta.Correlation = cause[0].Meta.Correlation
	}
	effect[1].Meta.Causation = effect[0].ID
	streamOfEffect := newStream(tenant)
	streamOfEffect.Telemetry = true // an activity spans categories
	mustAppend(t, s, newStream(tenant), eventstore.NoStream, cause...)
	mustAppend(t, s, newStream(tenant), eventstore.NoStream, notes("something else")...)
	mustAppend(t, s, streamOfEffect, eventstore.NoStream, effect...)
	system := "$bc-" + cause[0].Meta.Correlation.String()
	events := eventually(t, 3, func() iter.Seq2[eventstore.Recorded, error] {
		return s.ReadLinks(within(t), system, eventstore.Start, eventstore.Forward, 0)
	})
	want(t, events, "asked sent answered")
	want(t, collect(t, s.ReadLinks(within(t), system, eventstore.End, eventstore.Backward, 2)), "answered sent")
	if events[2].Meta.Causation != effect[0].ID {
		t.Errorf("causation is %v, want %v", events[2].Meta.Causation, effect[0].ID)
	}
}

func testContexts(t *testing.T, open Open) {
	s := open(t, Registry())
	stream := newStream(newTenant())
	mustAppend(t, s, stream, eventstore.NoStream, notes("a")...)
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Append(canceled, stream, 0, notes("b")); !errors.Is(err, context.Canceled) {
		t.Errorf("append: %v, want canceled", err)
	}
	if _, err := s.Head(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("head: %v, want canceled", err)
	}
	for name, seq := range map[string]iter.Seq2[eventstore.Recorded, error]{
		"read":      s.Read(canceled, stream, eventstore.Start, eventstore.Forward, 0),
		"links":     s.ReadLinks(canceled, "$ce-"+string(stream.Tenant), eventstore.Start, eventstore.Forward, 0),
		"all":       s.ReadAll(canceled, eventstore.Position{}, eventstore.Forward, 0),
		"subscribe": s.Subscribe(canceled, eventstore.Position{}),
	} {
		var last error
		for _, err := range seq {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("%s: %v, want canceled", name, last)
		}
	}
	live, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	head, err := s.Head(within(t))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		var last error
		for _, err := range s.Subscribe(live, head) {
			last = err
		}
		ended <- last
	}()
	time.Sleep(20 * time.Millisecond) // whether it waits already or not, it must end
	stop()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a live subscription ended with %v, want canceled", err)
		}
	case <-time.After(patience):
		t.Error("a live subscription did not end with its context")
	}
}
