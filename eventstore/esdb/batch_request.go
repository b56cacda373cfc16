package esdb

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"avportal/eventstore"
)

const contentType = "application/json"

// batchRequest encodes the whole of an append as one BatchAppendReq.
func batchRequest(id int64, w write, deadline time.Duration) message {
	size := 64 + len(w.stream)
	for _, e := range w.events {
		size += 128 + len(e.Type) + len(e.Data) + len(e.Metadata)
	}
	var inner [192]byte // for what comes with its length before it
	m := make([]byte, 0, size)
	m = appendBytes(m, 1, appendUUID(inner[:0], 0, uint64(id))) //nolint:gosec // the bits are what counts
	m = appendBytes(m, 2, appendOptions(inner[:0], w, deadline))
	for _, e := range w.events {
		m = appendProposed(m, e)
	}
	return append(m, 4<<3|byte(protowire.VarintType), 1) // is final
}

// appendOptions encodes where the append goes. A revision is always exact: there is no way here to say any other.
func appendOptions(b []byte, w write, deadline time.Duration) []byte {
	var inner [128]byte
	b = appendBytes(b, 1, appendBytes(inner[:0], 3, []byte(w.stream)))
	if w.expected == eventstore.NoStream {
		b = appendBytes(b, 3, nil)
	} else {
		b = appendVarint(b, 2, uint64(w.expected)) //nolint:gosec // Append refuses negative ones
	}
	seconds, nanos := deadline/time.Second, deadline%time.Second
	return appendBytes(b, 7, appendVarint(appendVarint(inner[:0], 1, uint64(seconds)), 2, uint64(nanos))) //nolint:gosec // neither is negative
}

func appendProposed(b []byte, e eventstore.Stored) []byte {
	var space [192]byte
	var id [32]byte
	head := appendBytes(space[:0], 1, appendUUID(id[:0], binary.BigEndian.Uint64(e.ID[:8]), binary.BigEndian.Uint64(e.ID[8:])))
	head = appendEntry(head, "type", e.Type)
	head = appendEntry(head, "content-type", contentType)
	size := len(head) + sizeBytes(3, e.Metadata) + sizeBytes(4, e.Data)
	b = protowire.AppendTag(b, 3, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size)) //nolint:gosec // never negative
	b = append(b, head...)
	b = appendBytes(b, 3, e.Metadata)
	return appendBytes(b, 4, e.Data)
}

// appendEntry encodes an entry of the map metadata.
func appendEntry(b []byte, key, value string) []byte {
	var space [96]byte
	return appendBytes(b, 2, appendBytes(appendBytes(space[:0], 1, []byte(key)), 2, []byte(value)))
}

// appendUUID encodes the structured form of a message UUID.
func appendUUID(b []byte, most, least uint64) []byte {
	var space [24]byte
	return appendBytes(b, 1, appendVarint(appendVarint(space[:0], 1, most), 2, least))
}

func appendVarint(b []byte, number protowire.Number, n uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), n)
}

func appendBytes(b []byte, number protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), content)
}

func sizeBytes(number protowire.Number, content []byte) int {
	return protowire.SizeTag(number) + protowire.SizeBytes(len(content))
}

// batchAnswer reads a BatchAppendResp: which append it answers, and how that ended.
func batchAnswer(m message) (id int64, o outcome, err error) {
	answered := false
	for rest := m; len(rest) > 0; {
		var f field
		if f, rest, err = rest.next(); err != nil {
			return 0, o, err
		}
		switch f.tag {
		case 1<<3 | bytesType:
			correlation, err := message(f.content).uuid()
			if err != nil {
				return 0, o, err
			}
			id = int64(binary.BigEndian.Uint64(correlation[8:])) //nolint:gosec // the bits are what counts
		case 3<<3 | bytesType:
			answered = true
			if o.position, err = positionIn(f.content); err != nil {
				return 0, o, err
			}
		}
	}
	if !answered { // refusals are rare, and rich
		var refused streams.BatchAppendResp
		if err := proto.Unmarshal(m, &refused); err != nil {
			return 0, o, err
		}
		o = refusal(refused.GetError())
	}
	return id, o, nil
}

// positionIn reads the position out of a success; it is zero if the server does not tell it.
func positionIn(m message) (p eventstore.Position, err error) {
	for len(m) > 0 {
		var f field
		if f, m, err = m.next(); err != nil {
			return p, err
		}
		if f.tag == 3<<3|bytesType {
			p.Commit, p.Prepare, err = message(f.content).pair(1, 2)
		}
	}
	return p, err
}

// refusal reads an error. Errors are told apart by their details, which are the same for all servers.
func refusal(answer *rpcstatus.Status) outcome {
	code := codes.Code(answer.GetCode()) //nolint:gosec // codes are small
	err := fmt.Errorf("%s (%s)", answer.GetMessage(), code)
	for _, detail := range answer.GetDetails() {
		switch {
		case detail.MessageIs((*shared.WrongExpectedVersion)(nil)):
			return outcome{err: fmt.Errorf("%w: %w", eventstore.ErrConflict, err)}
		case detail.MessageIs((*shared.MaximumAppendSizeExceeded)(nil)):
			return outcome{err: fmt.Errorf("%w: %w", eventstore.ErrTooLarge, err)}
		case detail.MessageIs((*shared.StreamDeleted)(nil)), detail.MessageIs((*shared.AccessDenied)(nil)), detail.MessageIs((*shared.BadRequest)(nil)):
			return outcome{err: fmt.Errorf("%w: %w", errFinal, err)}
		}
	}
	if code == codes.AlreadyExists {
		return outcome{err: fmt.Errorf("%w: %w", eventstore.ErrConflict, err)}
	}
	return outcome{err: err} // a timeout on the server, or something unknown: not final
}
