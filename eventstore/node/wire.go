package node

import (
	"encoding/binary"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"avportal/eventstore/node/storage"
)

// Field numbers of event_store.client.streams.ReadResp and ReadEvent.
const (
	respEvent      = 1
	respCheckpoint = 3
	respCaughtUp   = 8

	readEventEvent  = 1
	readEventLink   = 2
	readEventCommit = 3

	checkpointCommit  = 1
	checkpointPrepare = 2
)

// frames encodes answers one after the other into shared memory, so that an event costs no allocation of its own.
// Frames are immutable: what was handed out is never written again.
type frames struct {
	structured bool // form of the ids
	arena      []byte
	inner      []byte
	record     []byte
	out        []frame
	bytes      int
}

const arenaSize = 64 << 10

// reset forgets the frames, but not the memory that is still free.
func (f *frames) reset() {
	clear(f.out)
	f.out, f.bytes = f.out[:0], 0
}

func (f *frames) add(tag protowire.Number, content []byte) {
	size := protowire.SizeTag(tag) + protowire.SizeBytes(len(content))
	if cap(f.arena)-len(f.arena) < size {
		f.arena = make([]byte, 0, max(arenaSize, size))
	}
	start := len(f.arena)
	f.arena = protowire.AppendTag(f.arena, tag, protowire.BytesType)
	f.arena = protowire.AppendBytes(f.arena, content)
	f.out = append(f.out, frame(f.arena[start:len(f.arena):len(f.arena)]))
	f.bytes += size
}

// event adds an event as it stands in the log, or, with link set, an event and the link by which it was found.
// Either may be nil: a link that leads nowhere is delivered without event.
func (f *frames) event(event, link *storage.Entry) {
	f.inner = f.inner[:0]
	original := link
	if event != nil {
		f.recorded(readEventEvent, event)
		if link == nil {
			original = event
		}
	}
	if link != nil {
		f.recorded(readEventLink, link)
	}
	f.inner = protowire.AppendTag(f.inner, readEventCommit, protowire.VarintType)
	f.inner = protowire.AppendVarint(f.inner, original.Position())
	f.add(respEvent, f.inner)
}

func (f *frames) recorded(tag protowire.Number, e *storage.Entry) {
	f.record = e.AppendRecorded(f.record[:0], f.structured)
	f.inner = protowire.AppendTag(f.inner, tag, protowire.BytesType)
	f.inner = protowire.AppendBytes(f.inner, f.record)
}

func (f *frames) checkpoint(position uint64) {
	f.inner = protowire.AppendTag(f.inner[:0], checkpointCommit, protowire.VarintType)
	f.inner = protowire.AppendVarint(f.inner, position)
	f.inner = protowire.AppendTag(f.inner, checkpointPrepare, protowire.VarintType)
	f.inner = protowire.AppendVarint(f.inner, position)
	f.add(respCheckpoint, f.inner)
}

func (f *frames) caughtUp() { f.add(respCaughtUp, nil) }

func structuredUUID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// parseUUID reads either form of an id; ok is false for none or a malformed one.
func parseUUID(u *shared.UUID) (id uuid.UUID, ok bool) {
	switch v := u.GetValue().(type) {
	case *shared.UUID_Structured_:
		binary.BigEndian.PutUint64(id[:8], uint64(v.Structured.GetMostSignificantBits()))
		binary.BigEndian.PutUint64(id[8:], uint64(v.Structured.GetLeastSignificantBits()))
		return id, true
	case *shared.UUID_String_:
		id, err := uuid.Parse(v.String_)
		return id, err == nil
	}
	return id, false
}
