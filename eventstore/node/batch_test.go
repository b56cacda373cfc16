package node_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// batcher is a small client of BatchAppend: many callers, one stream.
type batcher struct {
	stream streams.Streams_BatchAppendClient
	send   sync.Mutex
	mu     sync.Mutex
	wait   map[uuid.UUID]chan *streams.BatchAppendResp
}

func newBatcher(tb testing.TB, n *node.Node) *batcher {
	tb.Helper()
	b, closeBatcher := dialBatcher(tb, n.Addr().String())
	tb.Cleanup(closeBatcher)
	return b
}

func dialBatcher(tb testing.TB, address string) (b *batcher, closeBatcher func()) {
	tb.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := streams.NewStreamsClient(conn).BatchAppend(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	b = &batcher{stream: stream, wait: map[uuid.UUID]chan *streams.BatchAppendResp{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			resp, err := stream.Recv()
			if err != nil {
				b.fail()
				return
			}
			id := uuidOf(resp.CorrelationId)
			b.mu.Lock()
			answer := b.wait[id]
			delete(b.wait, id)
			b.mu.Unlock()
			answer <- resp
		}
	}()
	return b, func() {
		cancel()
		<-ended
		_ = conn.Close()
	}
}

// fail answers everyone who waits with nil; nobody is let in any more.
func (b *batcher) fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, answer := range b.wait {
		answer <- nil
	}
	b.wait = nil
}

func uuidOf(u *shared.UUID) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], uint64(u.GetStructured().GetMostSignificantBits()))
	binary.BigEndian.PutUint64(id[8:], uint64(u.GetStructured().GetLeastSignificantBits()))
	return id
}

func protoUUID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// call sends the requests, which share a correlation id, and waits for the answer, which is nil if the connection
// broke: then the outcome is unknown.
func (b *batcher) call(requests ...*streams.BatchAppendReq) *streams.BatchAppendResp {
	id := uuid.New()
	answer := make(chan *streams.BatchAppendResp, 1)
	b.mu.Lock()
	if b.wait == nil {
		b.mu.Unlock()
		return nil
	}
	b.wait[id] = answer
	b.mu.Unlock()
	b.send.Lock()
	for _, r := range requests {
		r.CorrelationId = protoUUID(id)
		if err := b.stream.Send(r); err != nil {
			break // the receiver hears of it, too
		}
	}
	b.send.Unlock()
	return <-answer
}

func batchOptions(stream string, expected any) *streams.BatchAppendReq_Options {
	o := &streams.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}}
	switch e := expected.(type) {
	case int:
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(e)}
	case esdb.NoStream:
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	case esdb.Any:
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}}
	case esdb.StreamExists:
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamExists{StreamExists: &emptypb.Empty{}}
	}
	return o
}

func proposed(id uuid.UUID, data, metadata []byte) *streams.BatchAppendReq_ProposedMessage {
	return &streams.BatchAppendReq_ProposedMessage{
		Id: protoUUID(id), Data: data, CustomMetadata: metadata,
		Metadata: map[string]string{"type": "reported", "content-type": "application/json"},
	}
}

func TestBatchAppendAnswersManyCallersOverOneStream(t *testing.T) {
	n := nodetest.Start(t)
	b := newBatcher(t, n)
	const writers, each = 16, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			stream := fmt.Sprintf("tenant%d-device-%s", w%3, uuid.NewString())
			for i := range each {
				var expected any = esdb.NoStream{}
				if i > 0 {
					expected = i - 1
				}
				resp := b.call(&streams.BatchAppendReq{Options: batchOptions(stream, expected), IsFinal: true,
					ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{proposed(uuid.New(), []byte(`{}`), nil)}})
				if s := resp.GetSuccess(); s.GetCurrentRevision() != uint64(i) || s.GetPosition().GetCommitPosition() == 0 || string(resp.StreamIdentifier.StreamName) != stream {
					t.Errorf("event %d: %v", i, resp)
				}
			}
		})
	}
	wg.Wait()
	c := connect(t, n)
	total := 0
	for tenant := range 3 {
		links := readStream(t, c, fmt.Sprintf("$ce-tenant%d", tenant), esdb.ReadStreamOptions{ResolveLinkTos: true}, 100_000)
		for i, e := range links {
			if e.Link.EventNumber != uint64(i) || e.Event == nil {
				t.Fatalf("link %d of the category is %v", i, e.Link)
			}
		}
		total += len(links)
	}
	if total != writers*each {
		t.Fatalf("%d links for %d events", total, writers*each)
	}
}
