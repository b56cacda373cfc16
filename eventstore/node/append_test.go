package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// The states in which the rules of section "append" meet a stream.
var streamStates = map[string]func(testing.TB, *esdb.Client, string){
	"missing": func(testing.TB, *esdb.Client, string) {},
	"five events": func(tb testing.TB, c *esdb.Client, s string) {
		appendTo(tb, c, s, esdb.NoStream{}, events(0, 5)...)
	},
	"only metadata": func(tb testing.TB, c *esdb.Client, s string) { setMetadata(tb, c, s, `{"a":1}`) },
	"soft-deleted": func(tb testing.TB, c *esdb.Client, s string) {
		appendTo(tb, c, s, esdb.NoStream{}, events(0, 5)...)
		if _, err := c.DeleteStream(testContext(tb), s, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Revision(4)}); err != nil {
			tb.Fatal(err)
		}
	},
	"tombstoned": func(tb testing.TB, c *esdb.Client, s string) {
		appendTo(tb, c, s, esdb.NoStream{}, events(0, 5)...)
		if _, err := c.TombstoneStream(testContext(tb), s, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Revision(4)}); err != nil {
			tb.Fatal(err)
		}
	},
}

func setMetadata(tb testing.TB, c *esdb.Client, stream, json string) *esdb.WriteResult {
	tb.Helper()
	return appendTo(tb, c, "$$"+stream, esdb.Any{}, esdb.EventData{EventID: uuid.New(), EventType: "$metadata", ContentType: esdb.ContentTypeJson, Data: []byte(json)})
}

func TestAppendDecidesByExpectedRevision(t *testing.T) {
	const wrong, deleted = "wrong", "deleted"
	type outcome = any // revision of a success, or one of the words above
	expected := map[string]esdb.ExpectedRevision{
		"any": esdb.Any{}, "no stream": esdb.NoStream{}, "exists": esdb.StreamExists{},
		"exact 0": esdb.Revision(0), "exact 4": esdb.Revision(4), "exact 5": esdb.Revision(5),
	}
	table := map[string]map[string]outcome{
		"missing":       {"any": 0, "no stream": 0, "exists": wrong, "exact 0": wrong, "exact 4": wrong, "exact 5": wrong},
		"five events":   {"any": 5, "no stream": wrong, "exists": 5, "exact 0": wrong, "exact 4": 5, "exact 5": wrong},
		"only metadata": {"any": 0, "no stream": 0, "exists": 0, "exact 0": wrong, "exact 4": wrong, "exact 5": wrong},
		"soft-deleted":  {"any": 5, "no stream": 5, "exists": deleted, "exact 0": wrong, "exact 4": 5, "exact 5": wrong},
		"tombstoned":    {"any": deleted, "no stream": deleted, "exists": deleted, "exact 0": deleted, "exact 4": deleted, "exact 5": deleted},
	}
	c := connect(t, nodetest.StartMem(t))
	for state, row := range table {
		for name, want := range row {
			t.Run(state+", "+name, func(t *testing.T) {
				stream := "s-" + uuid.NewString()
				streamStates[state](t, c, stream)
				r, err := c.AppendToStream(testContext(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected[name]}, event(99))
				switch want {
				case wrong:
					if errorCode(err) != esdb.ErrorCodeWrongExpectedVersion {
						t.Fatalf("want a wrong expected version, got %v, %v", r, err)
					}
				case deleted:
					if errorCode(err) != esdb.ErrorCodeStreamDeleted {
						t.Fatalf("want stream deleted, got %v, %v", r, err)
					}
				default:
					if err != nil || r.NextExpectedVersion != uint64(want.(int)) {
						t.Fatalf("want revision %v, got %v, %v", want, r, err)
					}
				}
			})
		}
	}
}

func TestAppendIsIdempotent(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	four := events(0, 4)
	fresh := func() esdb.EventData { return event(50) }
	for _, test := range []struct {
		name     string
		expected esdb.ExpectedRevision
		events   []esdb.EventData
		want     int // revision, -1 for a wrong version
	}{
		{"all with no stream", esdb.NoStream{}, four, 3},
		{"first two with no stream", esdb.NoStream{}, four[:2], 1},
		{"middle by exact revision", esdb.Revision(0), four[1:3], 2},
		{"last by exact revision", esdb.Revision(2), four[3:], 3},
		{"later one differs", esdb.Revision(1), []esdb.EventData{four[2], fresh()}, -1},
		{"runs past the end", esdb.Revision(2), []esdb.EventData{four[3], fresh()}, -1},
		{"first differs", esdb.Revision(1), []esdb.EventData{fresh(), four[3]}, -1},
		{"no events", esdb.Revision(1), nil, -1},
		{"all with any", esdb.Any{}, four, 3},
		{"middle with exists", esdb.StreamExists{}, four[1:2], 1},
		{"a later one is new, with any", esdb.Any{}, []esdb.EventData{four[0], fresh()}, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			stream := "s-" + uuid.NewString()
			for i := range four {
				four[i].EventID = uuid.New()
			}
			for i := range test.events {
				for j := range four {
					if string(test.events[i].Data) == string(four[j].Data) {
						test.events[i].EventID = four[j].EventID
					}
				}
			}
			first := appendTo(t, c, stream, esdb.NoStream{}, four...)
			r, err := c.AppendToStream(testContext(t), stream, esdb.AppendToStreamOptions{ExpectedRevision: test.expected}, test.events...)
			if test.want < 0 {
				if errorCode(err) != esdb.ErrorCodeWrongExpectedVersion {
					t.Fatalf("want a wrong expected version, got %v, %v", r, err)
				}
			} else if err != nil || r.NextExpectedVersion != uint64(test.want) || r.CommitPosition > first.CommitPosition {
				t.Fatalf("want revision %d, got %v, %v", test.want, r, err)
			}
			all := readStream(t, c, stream, esdb.ReadStreamOptions{}, 100)
			if len(all) != 4 {
				t.Fatalf("the stream has %d events", len(all))
			}
			if test.want >= 0 && r.CommitPosition != all[test.want].Event.Position.Commit {
				t.Fatalf("position %d is not that of event %d", r.CommitPosition, test.want)
			}
		})
	}
}

func TestAppendWithAnyWritesAnIDAgainInAnotherStream(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	e := event(0)
	appendTo(t, c, "one", esdb.Any{}, e)
	appendTo(t, c, "two", esdb.Any{}, e)
	if n := len(readStream(t, c, "two", esdb.ReadStreamOptions{}, 10)); n != 1 {
		t.Fatalf("%d events", n)
	}
}

func TestAppendWithoutEventsWritesNothing(t *testing.T) {
	n := nodetest.StartMem(t)
	c := connect(t, n)
	appendTo(t, c, "s", esdb.NoStream{}, event(0))
	before := len(readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, 1000))
	r := appendTo(t, c, "s", esdb.Revision(0))
	if r.NextExpectedVersion != 0 {
		t.Fatalf("revision %d", r.NextExpectedVersion)
	}
	appendTo(t, c, "never", esdb.NoStream{})
	if after := len(readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, 1000)); after != before {
		t.Fatalf("%d events became %d", before, after)
	}
}

// rawAppend is one unary append without the official client, for what that client never sends or never shows.
func rawAppend(tb testing.TB, n *node.Node, stream string, messages ...*streams.AppendReq_ProposedMessage) (*streams.AppendResp, metadata.MD, error) {
	tb.Helper()
	conn, err := grpc.NewClient(n.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	var trailer metadata.MD
	call, err := streams.NewStreamsClient(conn).Append(testContext(tb), grpc.Trailer(&trailer))
	if err != nil {
		tb.Fatal(err)
	}
	options := &streams.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(stream)},
		ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: &shared.Empty{}},
	}
	if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: options}}); err != nil {
		tb.Fatal(err)
	}
	for i, m := range messages {
		if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: m}}); err != nil {
			tb.Fatalf("message %d: %v: the node must drain a call that it will refuse", i, err)
		}
	}
	resp, err := call.CloseAndRecv()
	return resp, trailer, err
}

func TestAppendRefusesWhatCannotBeStored(t *testing.T) {
	n := nodetest.StartMem(t)
	good := func(change func(*streams.AppendReq_ProposedMessage)) *streams.AppendReq_ProposedMessage {
		m := &streams.AppendReq_ProposedMessage{
			Id: protoUUID(uuid.New()), Data: []byte(`{}`),
			Metadata: map[string]string{"type": "t", "content-type": "application/json", "other": "dropped"},
		}
		change(m)
		return m
	}
	fine := good(func(*streams.AppendReq_ProposedMessage) {})
	for name, test := range map[string]struct {
		stream    string
		message   *streams.AppendReq_ProposedMessage
		code      codes.Code
		exception string
	}{
		"no type":         {"s", good(func(m *streams.AppendReq_ProposedMessage) { delete(m.Metadata, "type") }), codes.InvalidArgument, "missing-required-metadata-property"},
		"no content type": {"s", good(func(m *streams.AppendReq_ProposedMessage) { delete(m.Metadata, "content-type") }), codes.InvalidArgument, "missing-required-metadata-property"},
		"empty type":      {"s", good(func(m *streams.AppendReq_ProposedMessage) { m.Metadata["type"] = "" }), codes.Unknown, ""},
		"no id":           {"s", good(func(m *streams.AppendReq_ProposedMessage) { m.Id = nil }), codes.Unknown, ""},
		"empty id":        {"s", good(func(m *streams.AppendReq_ProposedMessage) { m.Id = protoUUID(uuid.Nil) }), codes.Unknown, ""},
		"too large":       {"s", good(func(m *streams.AppendReq_ProposedMessage) { m.Data = make([]byte, 1<<20) }), codes.InvalidArgument, "maximum-append-size-exceeded"},
		"no stream name":  {"", fine, codes.Unknown, ""},
		"name $$":         {"$$", fine, codes.Unknown, ""},
		"$all":            {"$all", fine, codes.PermissionDenied, ""},
		"name too long":   {strings.Repeat("n", 70_000), fine, codes.InvalidArgument, ""},
	} {
		t.Run(name, func(t *testing.T) {
			messages := make([]*streams.AppendReq_ProposedMessage, 200)
			for i := range messages {
				messages[i] = test.message
			}
			_, trailer, err := rawAppend(t, n, test.stream, messages...)
			if status.Code(err) != test.code || strings.Join(trailer["exception"], "") != test.exception {
				t.Fatalf("got %v with trailer %v", err, trailer)
			}
		})
	}
	c := connect(t, n)
	s, err := c.ReadStream(testContext(t), "s", esdb.ReadStreamOptions{}, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Recv(); errorCode(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatalf("something was written: %v", err)
	}
}

func TestAppendIsAtomicUpToTheLimit(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	half := esdb.EventData{EventID: uuid.New(), EventType: "t", ContentType: esdb.ContentTypeBinary, Data: make([]byte, 1<<19)}
	other := half
	other.EventID = uuid.New()
	_, err := c.AppendToStream(testContext(t), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.NoStream{}}, half, other)
	if err == nil {
		t.Fatal("an append over the limit was taken")
	}
	half.Data, other.Data = half.Data[:1<<19-100], other.Data[:1<<19-100]
	appendTo(t, c, "s", esdb.NoStream{}, half, other)
	got := readStream(t, c, "s", esdb.ReadStreamOptions{}, 10)
	if len(got) != 2 || len(got[1].Event.Data) != 1<<19-100 || got[1].Event.ContentType != "application/octet-stream" {
		t.Fatalf("%d events", len(got))
	}
}

func TestWrongExpectedVersionNamesBothRevisions(t *testing.T) {
	c := connect(t, nodetest.StartMem(t))
	appendTo(t, c, "s", esdb.NoStream{}, events(0, 3)...)
	_, err := c.AppendToStream(context.Background(), "s", esdb.AppendToStreamOptions{ExpectedRevision: esdb.Revision(7)}, event(9))
	if err == nil || !strings.Contains(err.Error(), "7") || !strings.Contains(err.Error(), "2") {
		t.Fatal(err)
	}
	var e *esdb.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T", err)
	}
}
