package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"avportal/eventstore"
)

func testReadAll(t *testing.T, open Open) {
	s := open(t, Registry())
	tenant := newTenant()
	begin, err := s.Head(within(t))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, newStream(tenant), eventstore.NoStream, notes("a", "b")...)
	mustAppend(t, s, newStream(tenant), eventstore.NoStream, notes("c")...)
	end := mustAppend(t, s, newStream(tenant), eventstore.NoStream, notes("d", "e")...)
	if head, err := s.Head(within(t)); err != nil || head != end.Position {
		t.Errorf("head is %v (%v), the last event stands at %v", head, err, end.Position)
	}
	all := collect(t, s.ReadAll(within(t), begin, eventstore.Forward, 0))
	want(t, all, "a b c d e") // and nothing of the links that have been made meanwhile
	for i, r := range all {
		rest := "a b c d e"[2*i:]
		want(t, collect(t, s.ReadAll(within(t), r.Position, eventstore.Forward, 0)), strings.TrimSpace(rest[1:]))
		if r.Link != eventstore.NoStream || i > 0 && r.Position.Compare(all[i-1].Position) <= 0 {
			t.Errorf("event %d: link %d, position %v", i, r.Link, r.Position)
		}
	}
	want(t, collect(t, s.ReadAll(within(t), begin, eventstore.Forward, 2)), "a b")
	want(t, collect(t, s.ReadAll(within(t), all[1].Position, eventstore.Forward, 2)), "c d")
	want(t, collect(t, s.ReadAll(within(t), eventstore.Position{}, eventstore.Backward, 3)), "e d c")
	want(t, collect(t, s.ReadAll(within(t), all[2].Position, eventstore.Backward, 2)), "b a")
	whole := collect(t, s.ReadAll(within(t), eventstore.Position{}, eventstore.Forward, 0))
	back := collect(t, s.ReadAll(within(t), eventstore.Position{}, eventstore.Backward, 0))
	slices.Reverse(back)
	if len(whole) < 5 || !slices.EqualFunc(whole, back, func(a, b eventstore.Recorded) bool { return a.ID == b.ID && a.Position == b.Position }) {
		t.Errorf("%d events forward, %d backward, and not the same", len(whole), len(back))
	}
}

func testSubscribe(t *testing.T, open Open) {
	s := open(t, Registry())
	tenant := newTenant()
	stream := newStream(tenant)
	mustAppend(t, s, stream, eventstore.NoStream, notes("0", "1", "2")...)
	var seen []eventstore.Recorded
	next := 3
	for r, err := range s.Subscribe(within(t), eventstore.Position{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Stream.Tenant != tenant {
			continue
		}
		seen = append(seen, r)
		if len(seen) == next && next < 8 { // it has caught up, so the next ones come live
			mustAppend(t, s, stream, eventstore.Revision(next-1), notes(fmt.Sprint(next))...)
			next++
		}
		if len(seen) == 8 {
			break
		}
	}
	want(t, seen, "0 1 2 3 4 5 6 7")
	for i, r := range seen {
		if r.Revision != eventstore.Revision(i) || r.Link != eventstore.NoStream {
			t.Errorf("event %d came at revision %d, link %d", i, r.Revision, r.Link)
		}
	}
	want(t, take(t, s.Subscribe(within(t), seen[4].Position), tenant, 3), "5 6 7")
	same := collect(t, s.Read(within(t), stream, eventstore.Start, eventstore.Forward, 0))
	for i := range same {
		if same[i].Position != seen[i].Position || same[i].ID != seen[i].ID || !same[i].At.Equal(seen[i].At) {
			t.Errorf("event %d is %+v in its stream and %+v in the subscription", i, same[i], seen[i])
		}
	}
}

// testOrder appends from many writers while several subscriptions run, and expects all of them, and a later reader, to
// see the very same order.
func testOrder(t *testing.T, open Open) {
	const writers, appends = 8, 25
	s := open(t, Registry())
	tenant := newTenant()
	begin, err := s.Head(within(t))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	orders := make([][]eventstore.Recorded, 4)
	for i := range orders {
		group.Go(func() {
			for r, err := range s.Subscribe(within(t), begin) {
				if err != nil {
					t.Errorf("subscription %d, after %d events: %v", i, len(orders[i]), err)
					return
				}
				if r.Stream.Tenant == tenant {
					orders[i] = append(orders[i], r)
				}
				if len(orders[i]) == 2*writers*appends {
					return
				}
			}
		})
	}
	for w := range writers {
		group.Go(func() {
			stream, at := newStream(tenant), eventstore.NoStream
			for i := range appends {
				a, err := s.Append(within(t), stream, at, notes(fmt.Sprint(w, i), fmt.Sprint(w, i, "b")))
				if err != nil || a.Revision != at+2 {
					t.Errorf("append %d of writer %d: %v, %v", i, w, a, err)
					return
				}
				at = a.Revision
			}
		})
	}
	group.Wait()
	var all []eventstore.Recorded
	for _, r := range collect(t, s.ReadAll(within(t), begin, eventstore.Forward, 0)) {
		if r.Stream.Tenant == tenant {
			all = append(all, r)
		}
	}
	if err := ordered(all); err != nil {
		t.Error(err)
	}
	for i, order := range orders {
		if !slices.EqualFunc(all, order, func(a, b eventstore.Recorded) bool { return a.ID == b.ID && a.Position == b.Position }) {
			t.Errorf("subscription %d saw %d events in another order than the log's %d", i, len(order), len(all))
		}
	}
}

// ordered checks that positions grow and that each stream's revisions have no gap.
func ordered(events []eventstore.Recorded) error {
	next := map[string]eventstore.Revision{}
	for i, r := range events {
		if i > 0 && r.Position.Compare(events[i-1].Position) <= 0 {
			return fmt.Errorf("position %v follows %v", r.Position, events[i-1].Position)
		}
		if name := r.Stream.String(); r.Revision != next[name] {
			return fmt.Errorf("revision %d@%s where %d was due", r.Revision, name, next[name])
		}
		next[r.Stream.String()]++
	}
	if len(events) == 0 {
		return errors.New("no events at all")
	}
	return nil
}
