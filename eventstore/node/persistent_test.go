package node_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

func createGroup(tb testing.TB, c *esdb.Client, stream, group string, change func(*esdb.PersistentSubscriptionSettings)) {
	tb.Helper()
	s := esdb.SubscriptionSettingsDefault()
	change(&s)
	if err := c.CreatePersistentSubscription(testContext(tb), stream, group, esdb.PersistentStreamSubscriptionOptions{Settings: &s, StartFrom: esdb.Start{}}); err != nil {
		tb.Fatal(err)
	}
}

func connectGroup(tb testing.TB, c *esdb.Client, stream, group string, buffer uint32) *esdb.PersistentSubscription {
	tb.Helper()
	s, err := c.SubscribeToPersistentSubscription(context.Background(), stream, group, esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: buffer})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// delivered waits for the next event of a group.
func delivered(tb testing.TB, s *esdb.PersistentSubscription) *esdb.EventAppeared {
	tb.Helper()
	got := make(chan *esdb.PersistentSubscriptionEvent, 1)
	go func() { got <- s.Recv() }()
	select {
	case e := <-got:
		if e.EventAppeared == nil {
			tb.Fatalf("no event but %+v", e.SubscriptionDropped)
		}
		return e.EventAppeared
	case <-time.After(10 * time.Second):
		tb.Fatal("nothing was delivered for 10 seconds")
		return nil
	}
}

func wantDelivery(tb testing.TB, s *esdb.PersistentSubscription, revision uint64, retries int) *esdb.ResolvedEvent {
	tb.Helper()
	e := delivered(tb, s)
	if e.Event.OriginalEvent().EventNumber != revision || e.RetryCount != retries {
		tb.Fatalf("event %d, retry %d; want event %d, retry %d", e.Event.OriginalEvent().EventNumber, e.RetryCount, revision, retries)
	}
	return e.Event
}

func ack(tb testing.TB, s *esdb.PersistentSubscription, events ...*esdb.ResolvedEvent) {
	tb.Helper()
	if err := s.Ack(events...); err != nil {
		tb.Fatal(err)
	}
}

func nack(tb testing.TB, s *esdb.PersistentSubscription, action esdb.NackAction, events ...*esdb.ResolvedEvent) {
	tb.Helper()
	if err := s.Nack("reason", action, events...); err != nil {
		tb.Fatal(err)
	}
}

func groupInfo(tb testing.TB, c *esdb.Client, stream, group string) *esdb.PersistentSubscriptionInfo {
	tb.Helper()
	info, err := c.GetPersistentSubscriptionInfo(testContext(tb), stream, group, esdb.GetPersistentSubscriptionOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	return info
}

// eventually waits until a condition holds.
func eventually(tb testing.TB, what string, condition func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("%s: not within 10 seconds", what)
		}
	}
}

func TestGroupRetriesParksAndReplays(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 4)...)
	createGroup(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MaxRetryCount = 2 })
	s := connectGroup(t, c, "s", "g", 1)
	// A retry comes at once and is counted; one too many parks.
	nack(t, s, esdb.NackActionRetry, wantDelivery(t, s, 0, 0))
	nack(t, s, esdb.NackActionRetry, wantDelivery(t, s, 0, 1))
	nack(t, s, esdb.NackActionRetry, wantDelivery(t, s, 0, 2))
	nack(t, s, esdb.NackActionPark, wantDelivery(t, s, 1, 0))
	nack(t, s, esdb.NackActionSkip, wantDelivery(t, s, 2, 0))
	ack(t, s, wantDelivery(t, s, 3, 0))
	eventually(t, "two events are parked", func() bool { return groupInfo(t, c, "s", "g").Stats.ParkedMessagesCount == 2 })
	parked := readStream(t, c, "$persistentsubscription-s::g-parked", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	if len(parked) != 2 || parked[0].Event.EventNumber != 0 || parked[1].Event.EventNumber != 1 {
		t.Fatalf("%d events are parked", len(parked))
	}
	if err := c.ReplayParkedMessages(testContext(t), "s", "g", esdb.ReplayParkedMessagesOptions{StopAt: 1}); err != nil {
		t.Fatal(err)
	}
	if e := delivered(t, s).Event; e.Event.EventNumber != 0 {
		t.Fatalf("replayed event %d", e.Event.EventNumber)
	} else {
		ack(t, s, e)
	}
	if err := c.ReplayParkedMessages(testContext(t), "s", "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := delivered(t, s).Event; e.Event.EventNumber != 1 {
		t.Fatalf("replayed event %d", e.Event.EventNumber)
	}
	if n := groupInfo(t, c, "s", "g").Stats.ParkedMessagesCount; n != 0 {
		t.Fatalf("%d events are parked after the replay", n)
	}
}

func TestGroupGivesUpOnSilentConsumers(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 2)...)
	createGroup(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) { s.MessageTimeout = 100 })
	s := connectGroup(t, c, "s", "g", 1)
	wantDelivery(t, s, 0, 0)
	ack(t, s, wantDelivery(t, s, 0, 1))
	wantDelivery(t, s, 1, 0)
}

func TestGroupGoesOnAfterItsCheckpoint(t *testing.T) {
	dir := t.TempDir()
	n, err := node.Open(context.Background(), node.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, n)
	appendTo(t, c, "cat-s", esdb.NoStream{}, events(0, 10)...)
	settings := func(s *esdb.PersistentSubscriptionSettings) {
		s.CheckpointLowerBound, s.CheckpointUpperBound, s.ResolveLinkTos = 1, 1, true
	}
	createGroup(t, c, "$ce-cat", "g", settings)
	s := connectGroup(t, c, "$ce-cat", "g", 10)
	var got []*esdb.ResolvedEvent
	for i := range 10 {
		got = append(got, wantDelivery(t, s, uint64(i), 0))
		if got[i].Event == nil || got[i].Event.StreamID != "cat-s" || got[i].Link.StreamID != "$ce-cat" || got[i].Event.Position != got[i].Link.Position {
			t.Fatalf("delivered %+v", got[i])
		}
	}
	// Event 3 is left out: the checkpoint must stay before it.
	ack(t, s, got[0], got[1], got[2], got[4], got[5])
	eventually(t, "the checkpoint is written", func() bool {
		at := groupInfo(t, c, "$ce-cat", "g").Stats.LastCheckpointedEventRevision
		return at != nil && *at == 2
	})
	eventually(t, "the checkpoint is in the log", func() bool {
		e := readAll(t, c, esdb.ReadAllOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1)
		return string(e[0].Event.Data) == `"2"` && e[0].Event.EventType == "$SubscriptionCheckpoint"
	})
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n = nodetest.StartWith(t, node.Config{Dir: dir})
	c = connect(t, n)
	s = connectGroup(t, c, "$ce-cat", "g", 10)
	for i := 3; i < 10; i++ {
		wantDelivery(t, s, uint64(i), 0)
	}
}

func TestConsumersShareAndReplaceEachOther(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	createGroup(t, c, "s", "g", func(s *esdb.PersistentSubscriptionSettings) {
		s.ConsumerStrategyName, s.MaxSubscriberCount = esdb.ConsumerStrategyRoundRobin, 2
	})
	one, two := connectGroup(t, c, "s", "g", 2), connectGroup(t, c, "s", "g", 2)
	if _, err := c.SubscribeToPersistentSubscription(testContext(t), "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{}); err == nil || !strings.Contains(err.Error(), "as many consumers") {
		t.Fatalf("a third consumer: %v", err)
	}
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 5)...)
	seen := map[uint64]bool{}
	for range 2 {
		seen[delivered(t, one).Event.OriginalEvent().EventNumber] = true
		seen[delivered(t, two).Event.OriginalEvent().EventNumber] = true
	}
	if len(seen) != 4 || seen[4] {
		t.Fatalf("two consumers with two slots each have %v", seen)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the consumer is gone", func() bool { return len(groupInfo(t, c, "s", "g").Connections) == 1 })
	three := connectGroup(t, c, "s", "g", 2)
	for range 2 {
		e := delivered(t, three)
		if e.RetryCount != 1 || e.Event.OriginalEvent().EventNumber == 4 {
			t.Fatalf("event %d, retry %d: what the lost consumer had comes first", e.Event.OriginalEvent().EventNumber, e.RetryCount)
		}
		ack(t, three, e.Event)
	}
	wantDelivery(t, three, 4, 0)
}

func TestPinnedGroupKeepsAStreamWithOneConsumer(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	settings := esdb.SubscriptionSettingsDefault()
	settings.ConsumerStrategyName = esdb.ConsumerStrategyPinned
	if err := c.CreatePersistentSubscriptionToAll(testContext(t), "g", esdb.PersistentAllSubscriptionOptions{
		Settings: &settings, StartFrom: esdb.Start{}, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{"pin-"}},
	}); err != nil {
		t.Fatal(err)
	}
	received := make(chan [2]string, 100)
	for i := range 3 {
		s, err := c.SubscribeToPersistentSubscriptionToAll(context.Background(), "g", esdb.SubscribeToPersistentSubscriptionOptions{BufferSize: 10})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		go func() {
			for {
				e := s.Recv()
				if e.EventAppeared == nil {
					return
				}
				received <- [2]string{e.EventAppeared.Event.Event.StreamID, fmt.Sprint(i)}
				_ = s.Ack(e.EventAppeared.Event)
			}
		}()
	}
	for i := range 30 {
		appendTo(t, c, fmt.Sprintf("pin-%d", i%10), esdb.Any{}, event(i))
	}
	owner := map[string]string{}
	for range 30 {
		select {
		case r := <-received:
			if owner[r[0]] != "" && owner[r[0]] != r[1] {
				t.Fatalf("stream %s went to two consumers", r[0])
			}
			owner[r[0]] = r[1]
		case <-time.After(10 * time.Second):
			t.Fatal("not everything was delivered")
		}
	}
}

func TestDeletedGroupDropsItsConsumers(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	createGroup(t, c, "s", "g", func(*esdb.PersistentSubscriptionSettings) {})
	s := connectGroup(t, c, "s", "g", 1)
	if err := c.DeletePersistentSubscription(testContext(t), "s", "g", esdb.DeletePersistentSubscriptionOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := s.Recv(); e.SubscriptionDropped == nil {
		t.Fatalf("%+v", e)
	}
	if _, err := c.SubscribeToPersistentSubscription(testContext(t), "s", "g", esdb.SubscribeToPersistentSubscriptionOptions{}); errorCode(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatal(err)
	}
	if _, err := c.ListPersistentSubscriptionsForStream(testContext(t), "s", esdb.ListPersistentSubscriptionsOptions{}); errorCode(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatal(err)
	}
}

func TestGroupDeliversManyEventsInOrderAndOnce(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	createGroup(t, c, "s", "g", func(*esdb.PersistentSubscriptionSettings) {})
	s := connectGroup(t, c, "s", "g", 50)
	const n = 3000
	go func() {
		for i := 0; i < n; i += 100 {
			appendTo(t, c, "s", esdb.Any{}, events(i, 100)...)
		}
	}()
	for i := range n {
		ack(t, s, wantDelivery(t, s, uint64(i), 0))
	}
	eventually(t, "everything is acknowledged", func() bool { return groupInfo(t, c, "s", "g").Stats.TotalInFlightMessages == 0 })
}
