package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"avportal/eventstore/node"
	"avportal/eventstore/node/nodetest"
)

// connect returns an official client of the node, closed when the test ends.
func connect(tb testing.TB, n *node.Node) *esdb.Client {
	tb.Helper()
	config, err := esdb.ParseConnectionString(n.ConnectionString())
	if err != nil {
		tb.Fatal(err)
	}
	config.Logger = esdb.NoopLogging()
	client, err := esdb.NewClient(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

func testContext(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	tb.Cleanup(cancel)
	return ctx
}

// event makes an event whose type and data carry the number.
func event(i int) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: fmt.Sprintf("type-%d", i), ContentType: esdb.ContentTypeJson, Data: fmt.Appendf(nil, `{"n":%d}`, i)}
}

func events(from, n int) []esdb.EventData {
	all := make([]esdb.EventData, n)
	for i := range all {
		all[i] = event(from + i)
	}
	return all
}

func appendTo(tb testing.TB, c *esdb.Client, stream string, expected esdb.ExpectedRevision, events ...esdb.EventData) *esdb.WriteResult {
	tb.Helper()
	result, err := c.AppendToStream(testContext(tb), stream, esdb.AppendToStreamOptions{ExpectedRevision: expected}, events...)
	if err != nil {
		tb.Fatalf("append to %s: %v", stream, err)
	}
	return result
}

// collect reads until the end and closes the stream.
func collect(tb testing.TB, stream *esdb.ReadStream, err error) []*esdb.ResolvedEvent {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	defer stream.Close()
	var all []*esdb.ResolvedEvent
	for {
		e, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			tb.Fatalf("after %d events: %v", len(all), err)
		}
		all = append(all, e)
	}
}

func readStream(tb testing.TB, c *esdb.Client, stream string, o esdb.ReadStreamOptions, count uint64) []*esdb.ResolvedEvent {
	tb.Helper()
	s, err := c.ReadStream(testContext(tb), stream, o, count)
	return collect(tb, s, err)
}

func readAll(tb testing.TB, c *esdb.Client, o esdb.ReadAllOptions, count uint64) []*esdb.ResolvedEvent {
	tb.Helper()
	s, err := c.ReadAll(testContext(tb), o, count)
	return collect(tb, s, err)
}

func errorCode(err error) esdb.ErrorCode {
	var e *esdb.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return -1
}

func TestFirstSteps(t *testing.T) {
	n := nodetest.Start(t)
	c := connect(t, n)
	stream := "0123456789abcdef0123456789abcdef-device-" + uuid.NewString()
	correlated := event(2)
	correlated.Metadata = []byte(`{"a":[1,{"b":"}"}],"$correlationId":"corr-1","x":1}`)
	r := appendTo(t, c, stream, esdb.NoStream{}, event(0), event(1), correlated)
	if r.NextExpectedVersion != 2 {
		t.Fatalf("revision %d", r.NextExpectedVersion)
	}
	got := readStream(t, c, stream, esdb.ReadStreamOptions{}, 10)
	if len(got) != 3 || string(got[2].Event.Data) != `{"n":2}` || got[2].Event.EventNumber != 2 {
		t.Fatalf("read %d events", len(got))
	}
	got = readStream(t, c, stream, esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, 2)
	if len(got) != 2 || got[0].Event.EventNumber != 2 {
		t.Fatalf("backwards: %d events", len(got))
	}
	got = readStream(t, c, "$ce-0123456789abcdef0123456789abcdef", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	if len(got) != 3 || got[1].Event.EventNumber != 1 || got[1].Link.EventNumber != 1 || string(got[1].Link.Data) != "1@"+stream {
		t.Fatalf("category: %d events", len(got))
	}
	got = readStream(t, c, "$bc-corr-1", esdb.ReadStreamOptions{ResolveLinkTos: true}, 10)
	if len(got) != 1 || got[0].Event.EventID != correlated.EventID {
		t.Fatalf("correlation: %d events", len(got))
	}
	all := readAll(t, c, esdb.ReadAllOptions{From: esdb.Start{}}, 1000)
	for i := 1; i < len(all); i++ {
		if all[i].OriginalEvent().Position.Commit <= all[i-1].OriginalEvent().Position.Commit {
			t.Fatal("positions do not grow")
		}
	}
	back := readAll(t, c, esdb.ReadAllOptions{From: esdb.End{}, Direction: esdb.Backwards}, 1000)
	if len(all) != len(back) || len(all) != 4+3+3+1 {
		t.Fatalf("$all has %d events forwards, %d backwards", len(all), len(back))
	}
	for i := range all {
		if all[i].OriginalEvent().EventID != back[len(back)-1-i].OriginalEvent().EventID {
			t.Fatalf("event %d differs", i)
		}
	}
}
