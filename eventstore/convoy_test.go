package eventstore_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"avportal/eventstore"
)

// Given views that have all missed the same, when they catch up, then they read it once.
func TestThoseWhoAreBehindReadTogether(t *testing.T) {
	const missed = 20_000 // more than a tail holds, or a convoy
	s, _ := filled(t, missed, 1)
	c := &counting{Store: s}
	tail := eventstore.NewTail(c, slog.New(slog.DiscardHandler)) // which does not run: nobody catches up with it
	var readers []*reader
	for range 8 {
		readers = append(readers, follow(t, tail, eventstore.Position{}, 0, quick))
	}
	for _, r := range readers {
		r.await(t, missed)
	}
	if n := c.ever.Load(); n != 1 {
		t.Errorf("%d subscriptions for the same events", n)
	}
}

// Given one that stops in the middle, the others go on, and so does he when he can, and misses nothing.
func TestWhoStopsIsLeftBehind(t *testing.T) {
	const missed = 20_000
	s, _ := filled(t, missed, 1)
	c := &counting{Store: s}
	tail := eventstore.NewTail(c, slog.New(slog.DiscardHandler))
	free := make(chan struct{})
	var seen atomic.Int64
	stopped := follow(t, tail, eventstore.Position{}, 0, func() {
		if seen.Add(1) == 100 {
			<-free
		}
	})
	others := []*reader{follow(t, tail, eventstore.Position{}, 0, quick), follow(t, tail, eventstore.Position{}, 0, quick)}
	for _, r := range others {
		r.await(t, missed)
	}
	if n := stopped.next.Load(); n != 100 {
		t.Errorf("the one who stopped is at %d", n)
	}
	close(free)
	stopped.await(t, missed)
}

// Given one who stands further than the others, they come up to him, and all see what is theirs.
func TestTheRestComesUpToTheForemost(t *testing.T) {
	const missed = 12_000
	s, stream := filled(t, missed, 1)
	c := &counting{Store: s}
	var at []eventstore.Position
	for r, err := range s.Read(t.Context(), stream, eventstore.Start, eventstore.Forward, 0) {
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, r.Position)
	}
	tail := eventstore.NewTail(c, slog.New(slog.DiscardHandler))
	var readers []*reader
	for _, from := range []int{0, 500, 3, 900} {
		after := eventstore.Position{}
		if from > 0 {
			after = at[from-1]
		}
		readers = append(readers, follow(t, tail, after, from, quick))
	}
	for _, r := range readers {
		r.await(t, missed)
	}
	if n := c.ever.Load(); n > 4 { // the convoy's, and one for each who came up
		t.Errorf("%d subscriptions", n)
	}
	for deadline := time.Now().Add(patience); c.open.Load() > 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d subscriptions are open", c.open.Load())
		}
	}
}

// Given a convoy that has not come far, when one sets out who stands far ahead of it, then he does not wait for it.
func TestWhoIsFarAheadDoesNotWait(t *testing.T) {
	const missed, ahead = 20_000, 19_500
	s, stream := filled(t, missed, 1)
	var from eventstore.Position
	for r, err := range s.Read(t.Context(), stream, ahead-1, eventstore.Forward, 1) {
		if err != nil {
			t.Fatal(err)
		}
		from = r.Position
	}
	tail := eventstore.NewTail(s, slog.New(slog.DiscardHandler))
	free, stopped := make(chan struct{}), make(chan struct{})
	var seen atomic.Int64
	slow := follow(t, tail, eventstore.Position{}, 0, func() {
		if seen.Add(1) == 100 {
			close(stopped)
			<-free
		}
	})
	<-stopped
	follow(t, tail, from, ahead, quick).await(t, missed)
	if n := slow.next.Load(); n != 100 {
		t.Errorf("the convoy is at %d", n)
	}
	close(free)
	slow.await(t, missed)
}
