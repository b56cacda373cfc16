package node_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

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

func TestBatchAppendNamesItsErrors(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	b := newBatcher(t, n)
	appendTo(t, c, "five", esdb.NoStream{}, events(0, 5)...)
	streamStates["tombstoned"](t, c, "gone")
	good := func() []*streams.BatchAppendReq_ProposedMessage {
		return []*streams.BatchAppendReq_ProposedMessage{proposed(uuid.New(), []byte(`{}`), nil)}
	}
	untyped := proposed(uuid.New(), nil, nil)
	untyped.Metadata = nil
	late := batchOptions("late", esdb.Any{})
	late.DeadlineOption = &streams.BatchAppendReq_Options_Deadline_21_10_0{Deadline_21_10_0: timestamppb.New(time.Now().Add(-time.Hour))}
	for name, test := range map[string]struct {
		options *streams.BatchAppendReq_Options
		events  []*streams.BatchAppendReq_ProposedMessage
		code    codes.Code
		detail  proto.Message
	}{
		"wrong version, exact":     {batchOptions("five", 7), good(), codes.AlreadyExists, &shared.WrongExpectedVersion{}},
		"wrong version, no stream": {batchOptions("five", esdb.NoStream{}), good(), codes.AlreadyExists, &shared.WrongExpectedVersion{}},
		"wrong version, exists":    {batchOptions("missing", esdb.StreamExists{}), good(), codes.AlreadyExists, &shared.WrongExpectedVersion{}},
		"tombstoned":               {batchOptions("gone", esdb.Any{}), good(), codes.NotFound, &shared.StreamDeleted{}},
		"too large":                {batchOptions("s", esdb.Any{}), []*streams.BatchAppendReq_ProposedMessage{proposed(uuid.New(), make([]byte, 1<<20), nil)}, codes.InvalidArgument, &shared.MaximumAppendSizeExceeded{}},
		"no type":                  {batchOptions("s", esdb.Any{}), []*streams.BatchAppendReq_ProposedMessage{untyped}, codes.InvalidArgument, &shared.BadRequest{}},
		"$all":                     {batchOptions("$all", esdb.Any{}), good(), codes.PermissionDenied, &shared.AccessDenied{}},
		"past its deadline":        {late, good(), codes.DeadlineExceeded, &shared.Timeout{}},
	} {
		t.Run(name, func(t *testing.T) {
			resp := b.call(&streams.BatchAppendReq{Options: test.options, ProposedMessages: test.events, IsFinal: true})
			failure := resp.GetError()
			if codes.Code(failure.GetCode()) != test.code || len(failure.GetDetails()) != 1 || !failure.Details[0].MessageIs(test.detail) {
				t.Fatalf("%v", resp)
			}
			if string(resp.GetStreamIdentifier().GetStreamName()) != string(test.options.StreamIdentifier.StreamName) {
				t.Errorf("the answer names stream %q", resp.GetStreamIdentifier().GetStreamName())
			}
		})
	}
	var wrong shared.WrongExpectedVersion
	resp := b.call(&streams.BatchAppendReq{Options: batchOptions("five", 7), ProposedMessages: good(), IsFinal: true})
	if err := resp.GetError().Details[0].UnmarshalTo(&wrong); err != nil || wrong.GetExpectedStreamPosition() != 7 || wrong.GetCurrentStreamRevision() != 4 {
		t.Fatal(&wrong, err)
	}
	if resp = b.call(&streams.BatchAppendReq{Options: batchOptions("five", 4), ProposedMessages: good(), IsFinal: true}); resp.GetSuccess().GetCurrentRevision() != 5 {
		t.Fatalf("after the errors: %v", resp)
	}
}

func TestBatchAppendInPartsIsOneWrite(t *testing.T) {
	n := nodetest.StartMem(t)
	b := newBatcher(t, n)
	part := func(final bool, options *streams.BatchAppendReq_Options) *streams.BatchAppendReq {
		return &streams.BatchAppendReq{Options: options, IsFinal: final,
			ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{proposed(uuid.New(), []byte(`{}`), nil), proposed(uuid.New(), []byte(`{}`), nil)}}
	}
	resp := b.call(part(false, batchOptions("s", esdb.NoStream{})), part(false, nil), part(true, nil))
	if resp.GetSuccess().GetCurrentRevision() != 5 {
		t.Fatal(resp)
	}
	if got := readStream(t, connect(t, n), "s", esdb.ReadStreamOptions{}, 100); len(got) != 6 {
		t.Fatalf("%d events", len(got))
	}
}

// FuzzBatchRequest feeds the decoder of BatchAppend what it must survive, and compares it with the generated one.
func FuzzBatchRequest(f *testing.F) {
	valid, err := proto.Marshal(&streams.BatchAppendReq{CorrelationId: protoUUID(uuid.New()), Options: batchOptions("s", 3), IsFinal: true,
		ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{proposed(uuid.New(), []byte(`{}`), []byte(`{}`))}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(valid)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		problem := node.CheckBatchRequest(b)
		if problem != nil {
			t.Error(problem)
		}
	})
}
