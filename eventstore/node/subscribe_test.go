package node_test

import (
	"context"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// next waits for the next thing that the subscription says.
func next(tb testing.TB, s *esdb.Subscription) *esdb.SubscriptionEvent {
	tb.Helper()
	got := make(chan *esdb.SubscriptionEvent, 1)
	go func() { got <- s.Recv() }()
	select {
	case e := <-got:
		return e
	case <-time.After(10 * time.Second):
		tb.Fatal("the subscription said nothing for 10 seconds")
		return nil
	}
}

func TestSubscriptionToStreamCatchesUpAndGoesLive(t *testing.T) {
	n := nodetest.Start(t)
	c := connect(t, n)
	appendTo(t, c, "orders", esdb.NoStream{}, events(0, 5)...)
	s, err := c.SubscribeToStream(testContext(t), "orders", esdb.SubscribeToStreamOptions{From: esdb.Revision(1)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for want := uint64(2); want < 5; want++ {
		if e := next(t, s); e.EventAppeared == nil || e.EventAppeared.Event.EventNumber != want {
			t.Fatalf("want event %d, got %+v", want, e)
		}
	}
	if e := next(t, s); e.CaughtUp == nil {
		t.Fatalf("want caught up, got %+v", e)
	}
	appendTo(t, c, "other", esdb.NoStream{}, events(0, 3)...)
	appendTo(t, c, "orders", esdb.Revision(4), events(5, 2)...)
	for want := uint64(5); want < 7; want++ {
		if e := next(t, s); e.EventAppeared == nil || e.EventAppeared.Event.EventNumber != want {
			t.Fatalf("want event %d, got %+v", want, e)
		}
	}
}

func TestFilteredSubscriptionToAllSendsCheckpoints(t *testing.T) {
	n := nodetest.Start(t)
	c := connect(t, n)
	appendTo(t, c, "a-1", esdb.NoStream{}, events(0, 40)...)
	appendTo(t, c, "b-1", esdb.NoStream{}, events(0, 3)...)
	s, err := c.SubscribeToAll(testContext(t), esdb.SubscribeToAllOptions{
		From: esdb.Start{}, CheckpointInterval: 1, MaxSearchWindow: 10,
		Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"b-"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appeared, checkpoints := 0, 0
	var last uint64
	for {
		e := next(t, s)
		if e.CaughtUp != nil {
			break
		}
		if e.EventAppeared != nil {
			appeared++
		}
		if e.CheckPointReached != nil {
			if e.CheckPointReached.Commit <= last {
				t.Fatal("checkpoints do not grow")
			}
			last = e.CheckPointReached.Commit
			checkpoints++
		}
	}
	if appeared != 3 || checkpoints < 8 {
		t.Fatalf("%d events, %d checkpoints", appeared, checkpoints)
	}
	r := appendTo(t, c, "b-2", esdb.NoStream{}, event(9))
	if e := next(t, s); e.EventAppeared == nil || e.EventAppeared.Event.Position.Commit != r.CommitPosition {
		t.Fatalf("live: %+v", e)
	}
}

// TestSlowSubscriberMissesNothing lets a subscriber fall behind by more than the ring of recent events holds.
func TestSlowSubscriberMissesNothing(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	s, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{
		From: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"s"}}, MaxSearchWindow: 1000, CheckpointInterval: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for e := next(t, s); e.CaughtUp == nil; e = next(t, s) {
	}
	const count = 40_000
	for i := 0; i < count; i += 400 {
		appendTo(t, c, "s", esdb.Any{}, events(i, 400)...)
	}
	appeared, caughtUp := 0, 0
	for appeared < count || caughtUp == 0 {
		switch e := next(t, s); {
		case e.EventAppeared != nil:
			if e.EventAppeared.Event.EventNumber != uint64(appeared) {
				t.Fatalf("event %d follows event %d", e.EventAppeared.Event.EventNumber, appeared-1)
			}
			appeared++
		case e.CaughtUp != nil:
			caughtUp++
		case e.SubscriptionDropped != nil:
			t.Fatal(e.SubscriptionDropped.Error)
		}
	}
}

func TestSubscriptionsEndWhenTheNodeCloses(t *testing.T) {
	before := goleak.IgnoreCurrent()
	n, err := node.Open(context.Background(), node.Config{Dir: "node", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, n)
	var subscriptions []*esdb.Subscription
	for range 20 {
		s, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.End{}})
		if err != nil {
			t.Fatal(err)
		}
		subscriptions = append(subscriptions, s)
	}
	b, closeBatcher := dialBatcher(t, n.Addr().String())
	if resp := b.call(&streams.BatchAppendReq{Options: batchOptions("s", esdb.Any{}), IsFinal: true}); resp.GetError() != nil {
		t.Fatal(resp)
	}
	began := time.Now()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("closing took %v", took)
	}
	for _, s := range subscriptions {
		e := next(t, s)
		for e.SubscriptionDropped == nil {
			e = next(t, s)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	closeBatcher()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t, before)
}
