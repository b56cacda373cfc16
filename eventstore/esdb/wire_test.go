package esdb

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"avportal/domain"
	"avportal/eventstore"
)

// What is encoded by hand is what the generated code would have read.
func TestAppendOnTheWire(t *testing.T) {
	w := write{stream: "a-b-c", expected: 7}
	for i, size := range []int{0, 1, 300, 70_000} {
		w.events = append(w.events, eventstore.Stored{
			ID: uuid.New(), Type: "device.enrolled", Data: bytes.Repeat([]byte("d"), size), Metadata: bytes.Repeat([]byte("m"), i),
		})
	}
	var sent streams.BatchAppendReq
	if err := proto.Unmarshal(batchRequest(-3, w, 5*time.Second), &sent); err != nil {
		t.Fatal(err)
	}
	if !sent.GetIsFinal() || sent.GetCorrelationId().GetStructured().GetLeastSignificantBits() != -3 || len(sent.GetProposedMessages()) != 4 {
		t.Errorf("sent %v", &sent)
	}
	for i, m := range sent.GetProposedMessages() {
		e := w.events[i]
		want := &streams.BatchAppendReq_ProposedMessage{
			Id: structured(e.ID), Metadata: map[string]string{"type": e.Type, "content-type": "application/json"}, CustomMetadata: e.Metadata, Data: e.Data,
		}
		if !proto.Equal(m, want) {
			t.Errorf("event %d is %v, want %v", i, m, want)
		}
	}
}

// What the generated code has written is read by hand; of what is cut off or changed anywhere, nothing breaks.
func TestEventOnTheWire(t *testing.T) {
	want := eventstore.Recorded{
		ID: uuid.New(), Stream: domain.Stream{Tenant: "0123456789abcdef0123456789abcdef", Kind: "device", ID: "x"}, Revision: 300,
		Position: eventstore.Position{Commit: 1 << 40, Prepare: 1<<40 - 1}, At: time.Date(2026, 5, 3, 12, 0, 0, 700, time.UTC),
		Type: "device.enrolled", Data: []byte(`{"a":1}`), RawMeta: []byte(`{}`), Link: eventstore.NoStream,
	}
	for _, id := range []*shared.UUID{structured(want.ID), {Value: &shared.UUID_String_{String_: want.ID.String()}}} {
		sent, err := proto.Marshal(&streams.ReadResp_ReadEvent{Event: &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: id, StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(want.Stream.String())}, StreamRevision: 300,
			CommitPosition: 1 << 40, PreparePosition: 1<<40 - 1, CustomMetadata: want.RawMeta, Data: want.Data,
			Metadata: map[string]string{"type": want.Type, "content-type": "application/json", "created": "17778096000000007"},
		}, Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: 1 << 40}})
		if err != nil {
			t.Fatal(err)
		}
		if got, ours, err := readEvent(sent); err != nil || !ours || !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, %v, %v, want %+v", got, ours, err, want)
		}
		for i := range sent {
			_, _, _ = readEvent(sent[:i])
			changed := bytes.Clone(sent)
			changed[i] ^= 0xff
			_, _, _ = readEvent(changed)
		}
	}
	link := &streams.ReadResp_ReadEvent{Link: &streams.ReadResp_ReadEvent_RecordedEvent{StreamRevision: 12}}
	gone, err := proto.Marshal(link)
	if err != nil {
		t.Fatal(err)
	}
	if r, ours, err := readEvent(gone); err != nil || ours || r.Link != 12 {
		t.Errorf("a link without event is %+v, %v, %v", r, ours, err)
	}
	link.Event = &streams.ReadResp_ReadEvent_RecordedEvent{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(want.Stream.String())}, StreamRevision: 3,
		Metadata: map[string]string{"type": want.Type, "created": "17778096000000007"},
	}
	resolved, err := proto.Marshal(link)
	if err != nil {
		t.Fatal(err)
	}
	if r, ours, err := readEvent(resolved); err != nil || !ours || r.Link != 12 || r.Revision != 3 {
		t.Errorf("a link with its event is %+v, %v, %v", r, ours, err)
	}
}
