package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// fill writes n events to 1000 streams, 100 to an append.
func fill(tb testing.TB, n *node.Node, events int) {
	tb.Helper()
	b, closeBatcher := dialBatcher(tb, n.Addr().String())
	defer closeBatcher()
	data := benchData()
	for i := 0; i < events; i += 100 {
		req := &streams.BatchAppendReq{Options: batchOptions(fmt.Sprintf("%s-device-%04d", benchTenant, i/100%1000), esdb.Any{}), IsFinal: true}
		for j := range min(100, events-i) {
			req.ProposedMessages = append(req.ProposedMessages, proposed(benchID(7, i+j), data, benchMetadata(benchID(8, i/100))))
		}
		if resp := b.call(req); resp.GetSuccess() == nil {
			tb.Fatal(resp)
		}
	}
}

const benchEvents = 100_000

// perEvent runs read, which reads benchEvents events, as often as needed.
func perEvent(b *testing.B, read func()) {
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	for range b.N {
		read()
	}
	events := float64(b.N) * benchEvents
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((cpuTime(b)-before)*1e6/events, "cpu-us/event")
}

func BenchmarkReadAll(b *testing.B) {
	n := nodetest.Start(b)
	fill(b, n, benchEvents)
	exclude := esdb.ExcludeSystemEventsFilter()
	b.Run("official client, subscription without system events", func(b *testing.B) {
		c := connect(b, n)
		perEvent(b, func() {
			s, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: exclude, MaxSearchWindow: 10_000, CheckpointInterval: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for got := 0; got < benchEvents; {
				if e := s.Recv(); e.EventAppeared != nil {
					got++
				} else if e.SubscriptionDropped != nil {
					b.Fatal(e.SubscriptionDropped.Error)
				}
			}
		})
	})
	b.Run("official client, category with links resolved", func(b *testing.B) {
		c := connect(b, n)
		perEvent(b, func() {
			s, err := c.ReadStream(context.Background(), "$ce-"+benchTenant, esdb.ReadStreamOptions{ResolveLinkTos: true}, benchEvents)
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for range benchEvents {
				if _, err := s.Recv(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
	b.Run("generated stub, $all without system events", func(b *testing.B) {
		conn, err := grpc.NewClient(n.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		perEvent(b, func() {
			call, err := streams.NewStreamsClient(conn).Read(context.Background(), &streams.ReadReq{Options: allOptions(func(o *streams.ReadReq_Options) {
				o.CountOption = &streams.ReadReq_Options_Count{Count: 1 << 40}
				o.FilterOption = &streams.ReadReq_Options_Filter{Filter: prefixFilter(false, &streams.ReadReq_Options_FilterOptions_Expression{Regex: `^[^\$].*`})}
			})})
			if err != nil {
				b.Fatal(err)
			}
			got := 0
			for ; ; got++ {
				if _, err := call.Recv(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
			if got != benchEvents {
				b.Fatal(got)
			}
		})
	})
}

// BenchmarkAppendToSubscriber is the time from an append to the event's arrival at a live subscriber.
func BenchmarkAppendToSubscriber(b *testing.B) {
	n := nodetest.Start(b)
	c := connect(b, n)
	s, err := c.SubscribeToAll(context.Background(), esdb.SubscribeToAllOptions{From: esdb.End{}, Filter: esdb.ExcludeSystemEventsFilter(), CheckpointInterval: 1000, MaxSearchWindow: 1000})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	stream := benchTenant + "-device-" + uuid.NewString()
	b.ResetTimer()
	for i := range b.N {
		if _, err := c.AppendToStream(context.Background(), stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, event(i)); err != nil {
			b.Fatal(err)
		}
		for {
			if e := s.Recv(); e.EventAppeared != nil {
				break
			}
		}
	}
}

// BenchmarkRestart is the time to open a log of a million events that was not closed.
func BenchmarkRestart(b *testing.B) {
	dir := b.TempDir()
	n, err := node.Open(context.Background(), node.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, n, 1_000_000)
	if err := n.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		began := time.Now()
		n, err := node.Open(context.Background(), node.Config{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/open")
		if err := n.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
