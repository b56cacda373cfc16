package esdb

import (
	"context"
	"slices"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"avportal/eventstore"
	"avportal/eventstore/node/nodetest"
)

// An operator may close the books of a stream: what stands before a revision is gone. Reading begins with what is left,
// revisions stay what they were, and so does the place where the next event goes.
func TestTruncatedStream(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	n := nodetest.StartMem(t)
	s := open(t, Config{ConnectionString: n.ConnectionString()})
	closed := stream("closed", 0)
	if _, err := s.Append(ctx, closed, eventstore.NoStream, proposals(6)); err != nil {
		t.Fatal(err)
	}
	l, err := s.acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	metadata := client.StreamMetadata{}
	metadata.SetTruncateBefore(4)
	if _, err := l.client.SetStreamMetadata(ctx, closed.String(), client.AppendToStreamOptions{ExpectedRevision: client.NoStream{}}, metadata); err != nil {
		t.Fatal(err)
	}
	s.release(l)
	for _, c := range []struct {
		from  eventstore.Revision
		d     eventstore.Direction
		limit int
		want  []eventstore.Revision
	}{
		{eventstore.Start, eventstore.Forward, 0, []eventstore.Revision{4, 5}},
		{eventstore.Start, eventstore.Forward, 1, []eventstore.Revision{4}},
		{eventstore.End, eventstore.Backward, 0, []eventstore.Revision{5, 4}},
	} {
		var got []eventstore.Revision
		for r, err := range s.Read(ctx, closed, c.from, c.d, c.limit) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Revision)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("read %v, want %v", got, c.want)
		}
	}
	if a, err := s.Append(ctx, closed, 5, proposals(1)); err != nil || a.Revision != 6 {
		t.Errorf("append to a truncated stream: %v, %v", a, err)
	}
}

// Links whose event is gone are left out, and a page of links is full all the same.
func TestLinksToNothing(t *testing.T) {
	const links = 12
	gone := func(revision int) bool { return revision < 4 || revision == 8 }
	o := &oddServer{read: func(r *streams.ReadReq, call streams.Streams_ReadServer) error {
		options := r.GetOptions()
		at, step := int(options.GetStream().GetRevision()), 1
		if options.GetStream().GetEnd() != nil {
			at = links - 1
		}
		if options.GetReadDirection() == streams.ReadReq_Options_Backwards {
			step = -1
		}
		for sent := uint64(0); at >= 0 && at < links && sent < options.GetCount(); at, sent = at+step, sent+1 {
			if err := call.Send(linkTo(at, gone(at))); err != nil {
				return err
			}
		}
		return nil
	}}
	s := open(t, Config{ConnectionString: "esdb://" + o.serve(t) + "?tls=false"})
	for _, c := range []struct {
		from  eventstore.Revision
		d     eventstore.Direction
		limit int
		want  []eventstore.Revision
	}{
		{eventstore.Start, eventstore.Forward, 3, []eventstore.Revision{4, 5, 6}},
		{eventstore.Start, eventstore.Forward, 0, []eventstore.Revision{4, 5, 6, 7, 9, 10, 11}},
		{7, eventstore.Forward, 2, []eventstore.Revision{7, 9}},
		{eventstore.End, eventstore.Backward, 4, []eventstore.Revision{11, 10, 9, 7}},
		{5, eventstore.Backward, 5, []eventstore.Revision{5, 4}},
		{2, eventstore.Backward, 2, nil},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		var got []eventstore.Revision
		for r, err := range s.ReadLinks(ctx, "$ce-x", c.from, c.d, c.limit) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r.Link)
		}
		cancel()
		if !slices.Equal(got, c.want) {
			t.Errorf("%d links from %d: %v, want %v", c.limit, c.from, got, c.want)
		}
	}
}

func linkTo(revision int, gone bool) *streams.ReadResp {
	record := func(stream, eventType string) *streams.ReadResp_ReadEvent_RecordedEvent {
		return &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: structured(uuid.New()), StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}, StreamRevision: uint64(revision), //nolint:gosec // small
			Metadata: map[string]string{"type": eventType, "content-type": "application/json", "created": "0"}, CustomMetadata: []byte("{}"), Data: []byte("{}"),
		}
	}
	answer := &streams.ReadResp_ReadEvent{Link: record("$ce-x", "$>")}
	if !gone {
		answer.Event = record(stream("linked", 0).String(), "storetest.noted")
	}
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: answer}}
}

// A read of the log backward asks for a few events at a time. What is not the portal's does not count.
func TestBackwardPastWhatIsNotOurs(t *testing.T) {
	n := nodetest.StartMem(t)
	s := open(t, Config{ConnectionString: n.ConnectionString()})
	var want []eventstore.Position
	for i := range 3 {
		a, err := s.Append(t.Context(), stream("behind", i), eventstore.NoStream, proposals(1))
		if err != nil {
			t.Fatal(err)
		}
		want = append([]eventstore.Position{a.Position}, want...)
	}
	parsed, err := client.ParseConnectionString(n.ConnectionString())
	if err != nil {
		t.Fatal(err)
	}
	parsed.Logger = client.NoopLogging()
	other, err := client.NewClient(parsed)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for range 3 { // more than the first and the second question cover
		events := make([]client.EventData, 40)
		for i := range events {
			events[i] = client.EventData{EventID: uuid.New(), EventType: "noise", ContentType: client.ContentTypeJson, Data: []byte("{}")}
		}
		if _, err := other.AppendToStream(t.Context(), "noise", client.AppendToStreamOptions{ExpectedRevision: client.Any{}}, events...); err != nil {
			t.Fatal(err)
		}
	}
	if head, err := s.Head(t.Context()); err != nil || head != want[0] {
		t.Errorf("head is %v, %v, want %v", head, err, want[0])
	}
	var got []eventstore.Position
	for r, err := range s.ReadAll(t.Context(), eventstore.Position{}, eventstore.Backward, 3) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Position)
	}
	if !slices.Equal(got, want) {
		t.Errorf("backward: %v, want %v", got, want)
	}
}
