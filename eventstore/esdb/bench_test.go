package esdb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"avportal/domain"
	"avportal/eventstore"
	"avportal/eventstore/node/nodetest"
	"avportal/eventstore/node/storage"
	"avportal/eventstore/storetest"
)

// BenchmarkAppend appends single events of about 400 bytes, durably, one after the other per caller, each caller to a
// stream of its own: into the node's storage without a connection, over the stream of appends, with unary calls through
// this package, and with the bare client.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		for _, way := range []struct {
			name  string
			start func(*testing.B) appendFunc
		}{
			{"storage", storageAppend},
			{"batch", func(b *testing.B) appendFunc { return storeAppend(b, false) }},
			{"unary", func(b *testing.B) appendFunc { return storeAppend(b, true) }},
			{"client", clientAppend},
		} {
			b.Run(fmt.Sprintf("%s/callers=%d", way.name, callers), func(b *testing.B) {
				appendOne := way.start(b)
				appendOne(stream("warm-up", 0), eventstore.NoStream)
				b.ResetTimer()
				var left atomic.Int64
				left.Store(int64(b.N))
				var group sync.WaitGroup
				for c := range callers {
					group.Go(func() {
						to := stream("bench", c)
						for at := eventstore.NoStream; left.Add(-1) >= 0; at++ {
							appendOne(to, at)
						}
					})
				}
				group.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
			})
		}
	}
}

type appendFunc func(domain.Stream, eventstore.Revision)

func stream(name string, i int) domain.Stream {
	return domain.Stream{Tenant: domain.Tenant(fmt.Sprintf("%032x", rand.Uint64())), Kind: domain.KindDevice, ID: fmt.Sprint(name, i)}
}

func storeAppend(b *testing.B, unary bool) appendFunc {
	s := open(b, Config{ConnectionString: nodetest.Start(b).ConnectionString()})
	s.unary = unary
	return func(to domain.Stream, at eventstore.Revision) {
		if _, err := s.Append(context.Background(), to, at, proposals(1)); err != nil {
			b.Error(err)
		}
	}
}

// encoded is what every way has to do before it can append.
func encoded(b *testing.B, registry *domain.Registry, to domain.Stream, at eventstore.Revision) write {
	stored, err := eventstore.Encode(context.Background(), registry, nil, proposals(1))
	if err != nil {
		b.Error(err)
	}
	return write{stream: to.String(), expected: at, events: stored}
}

func clientAppend(b *testing.B) appendFunc {
	c := bareClient(b, nodetest.Start(b).ConnectionString())
	registry := storetest.Registry()
	return func(to domain.Stream, at eventstore.Revision) {
		w := encoded(b, registry, to, at)
		if _, err := c.AppendToStream(context.Background(), w.stream, client.AppendToStreamOptions{ExpectedRevision: w.revision()}, w.data()...); err != nil {
			b.Error(err)
		}
	}
}

func storageAppend(b *testing.B) appendFunc {
	db, err := storage.Open(storage.Options{Dir: b.TempDir(), Projections: []storage.Projection{storage.ByCategory, storage.ByCorrelationID}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	registry := storetest.Registry()
	return func(to domain.Stream, at eventstore.Revision) {
		w := encoded(b, registry, to, at)
		e := w.events[0]
		if err := db.Write(context.Background(), &storage.Append{Stream: w.stream, Expected: storage.Expected(at), Events: []storage.Event{
			{ID: e.ID, Type: e.Type, JSON: true, Data: e.Data, Metadata: e.Metadata},
		}}); err != nil {
			b.Error(err)
		}
	}
}

func bareClient(b *testing.B, connection string) *client.Client {
	b.Helper()
	cfg, err := client.ParseConnectionString(connection)
	if err != nil {
		b.Fatal(err)
	}
	cfg.Logger = client.NoopLogging()
	c, err := client.NewClient(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// BenchmarkSubscribe catches up with a log of 100,000 events: through a store, and through the bare client without
// decoding anything.
func BenchmarkSubscribe(b *testing.B) {
	const events = 100_000
	n := nodetest.Start(b)
	s := open(b, Config{ConnectionString: n.ConnectionString()})
	fillLog(b, s, events)
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			count := 0
			for _, err := range s.Subscribe(context.Background(), eventstore.Position{}) {
				if err != nil {
					b.Fatal(err)
				}
				if count++; count == events {
					break
				}
			}
		}
		b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("subscriber", func(b *testing.B) {
		for b.Loop() {
			consume(b, s, events)
		}
		b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("client", func(b *testing.B) {
		c := bareClient(b, n.ConnectionString())
		for b.Loop() {
			sub, err := c.SubscribeToAll(context.Background(), client.SubscribeToAllOptions{From: client.Start{}, Filter: client.ExcludeSystemEventsFilter()})
			if err != nil {
				b.Fatal(err)
			}
			for count := 0; count < events; {
				if e := sub.Recv(); e.EventAppeared != nil {
					count++
				} else if e.SubscriptionDropped != nil {
					b.Fatal(e.SubscriptionDropped.Error)
				}
			}
			_ = sub.Close()
		}
		b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
	})
}

// fillLog writes events of different devices, 500 to an append.
func fillLog(b *testing.B, s *Store, events int) {
	b.Helper()
	for i := range events / 500 {
		if _, err := s.Append(context.Background(), stream("fill", i), eventstore.NoStream, proposals(500)); err != nil {
			b.Fatal(err)
		}
	}
}

type fromStart struct{}

func (fromStart) Checkpoint(context.Context, string) (eventstore.Position, error) {
	return eventstore.Position{}, nil
}

// consume takes the whole log through a Watermill subscriber, with a handler that does nothing.
func consume(b *testing.B, s *Store, events int) {
	sub := &eventstore.Subscriber{Source: s, Checkpoints: fromStart{}}
	messages, err := sub.Subscribe(context.Background(), uuid.NewString())
	if err != nil {
		b.Fatal(err)
	}
	for count := 0; count < events; {
		select {
		case m := <-messages:
			batch, _ := eventstore.BatchFrom(m.Context())
			count += len(batch.Events)
			m.Ack()
		case <-time.After(time.Minute):
			b.Fatal("the log does not come")
		}
	}
	if err := sub.Close(); err != nil {
		b.Fatal(err)
	}
}
