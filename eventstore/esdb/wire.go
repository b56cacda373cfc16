package esdb

import (
	"encoding/binary"
	"errors"

	"github.com/google/uuid"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The two hot paths, the stream of appends and subscriptions to the log, encode and decode their messages by hand: the
// generated code builds maps, wrappers and strings only to be thrown away, which took a fifth of what an append costs.

// message is a protobuf message that is encoded already, or not decoded yet.
type message []byte

// messages is the codec of calls that send and receive message; what else they send is encoded as usual.
type messages struct{ encoding.CodecV2 }

func newMessages() messages { return messages{encoding.GetCodecV2(proto.Name)} }

// Marshal implements encoding.CodecV2.
func (c messages) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(message); ok {
		return mem.BufferSlice{mem.SliceBuffer(m)}, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements encoding.CodecV2. The message is a copy: its parts may be kept.
func (c messages) Unmarshal(data mem.BufferSlice, v any) error {
	if m, ok := v.(*message); ok {
		*m = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}

var errMalformed = errors.New("malformed message")

// field is one field of a message. Its tag holds number and wire type, so that a known number with another type is unknown.
type field struct {
	tag     uint64
	varint  uint64
	content []byte
}

const (
	varintType = uint64(protowire.VarintType)
	bytesType  = uint64(protowire.BytesType)
)

// next takes the first field off a message.
func (m message) next() (f field, rest message, err error) {
	number, kind, n := protowire.ConsumeTag(m)
	if n < 0 {
		return f, nil, errMalformed
	}
	m = m[n:]
	switch f.tag = uint64(number)<<3 | uint64(kind); kind { //nolint:gosec // numbers are positive
	case protowire.VarintType:
		f.varint, n = protowire.ConsumeVarint(m)
	case protowire.BytesType:
		f.content, n = protowire.ConsumeBytes(m)
	default:
		n = protowire.ConsumeFieldValue(number, kind, m)
	}
	if n < 0 {
		return f, nil, errMalformed
	}
	return f, m[n:], nil
}

// uuid reads a message UUID in either of its forms.
func (m message) uuid() (id uuid.UUID, err error) {
	for len(m) > 0 {
		var f field
		if f, m, err = m.next(); err != nil {
			return id, err
		}
		switch f.tag {
		case 1<<3 | bytesType:
			most, least, err := message(f.content).pair(1, 2)
			if err != nil {
				return id, err
			}
			binary.BigEndian.PutUint64(id[:8], most)
			binary.BigEndian.PutUint64(id[8:], least)
		case 2<<3 | bytesType:
			if id, err = uuid.ParseBytes(f.content); err != nil {
				return id, err
			}
		}
	}
	return id, nil
}

// pair reads two numbers, by their field numbers.
func (m message) pair(first, second uint64) (a, b uint64, err error) {
	for len(m) > 0 {
		var f field
		if f, m, err = m.next(); err != nil {
			return a, b, err
		}
		switch f.tag {
		case first<<3 | varintType:
			a = f.varint
		case second<<3 | varintType:
			b = f.varint
		}
	}
	return a, b, nil
}

// strings reads an entry of a map from string to string.
func (m message) strings() (key, value []byte, err error) {
	for len(m) > 0 {
		var f field
		if f, m, err = m.next(); err != nil {
			return nil, nil, err
		}
		switch f.tag {
		case 1<<3 | bytesType:
			key = f.content
		case 2<<3 | bytesType:
			value = f.content
		}
	}
	return key, value, nil
}
