package node

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"avportal/eventstore/node/storage"
)

// BatchAppend is the hot path of writing. Its messages are decoded and encoded by hand: that costs a fifth of
// what the generated code costs, which would build maps, wrappers and strings only to be thrown away.

var errMalformed = errors.New("malformed message")

// batchRequest is one decoded BatchAppendReq.
type batchRequest struct {
	correlation []byte // encoded UUID message, echoed as it came
	hasOptions  bool
	stream      []byte
	expected    storage.Expected
	hasExpected bool
	deadline    time.Time
	events      []storage.Event
	problem     string // why the events cannot be written, "" if they can
	size        int    // by the rule of the maximum append size
	final       bool
}

func decodeBatchRequest(b []byte) (r batchRequest, err error) {
	err = eachField(b, func(t tag, varint uint64, content []byte) error {
		switch t {
		case 1<<3 | bytesType:
			r.correlation = content
		case 2<<3 | bytesType:
			r.hasOptions = true
			return r.decodeOptions(content)
		case 3<<3 | bytesType:
			r.events = append(r.events, storage.Event{})
			return r.decodeEvent(content, &r.events[len(r.events)-1])
		case 4<<3 | varintType:
			r.final = varint != 0
		}
		return nil
	})
	return r, err
}

func (r *batchRequest) decodeOptions(b []byte) error {
	return eachField(b, func(t tag, varint uint64, content []byte) error {
		switch t {
		case 1<<3 | bytesType:
			return eachField(content, func(t tag, _ uint64, name []byte) error {
				if t == 3<<3|bytesType {
					r.stream = name
				}
				return nil
			})
		case 2<<3 | varintType:
			if varint > math.MaxInt64 {
				return errMalformed
			}
			r.expected, r.hasExpected = storage.Expected(varint), true
		case 3<<3 | bytesType:
			r.expected, r.hasExpected = storage.NoStream, true
		case 4<<3 | bytesType:
			r.expected, r.hasExpected = storage.Any, true
		case 5<<3 | bytesType:
			r.expected, r.hasExpected = storage.StreamExists, true
		case 6<<3 | bytesType, 7<<3 | bytesType:
			isDuration := t == 7<<3|bytesType
			var seconds, nanos int64
			err := eachField(content, func(t tag, v uint64, _ []byte) error {
				switch t {
				case 1<<3 | varintType:
					seconds = int64(v)
				case 2<<3 | varintType:
					nanos = int64(int32(v))
				}
				return nil
			})
			if err != nil {
				return err
			}
			r.deadline = deadlineOf(isDuration, seconds, nanos)
		}
		return nil
	})
}

// deadlineOf reads a duration from now, or a point in time. Far away is none.
func deadlineOf(isDuration bool, seconds, nanos int64) time.Time {
	if !isDuration {
		return time.Unix(seconds, nanos)
	}
	if seconds > int64(math.MaxInt64/time.Second)-1 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(seconds)*time.Second + time.Duration(nanos))
}

func (r *batchRequest) decodeEvent(b []byte, e *storage.Event) error {
	hasID, hasType, hasContentType := false, false, false
	err := eachField(b, func(t tag, _ uint64, content []byte) (err error) {
		switch t {
		case 1<<3 | bytesType:
			hasID, err = decodeUUID(content, &e.ID)
		case 2<<3 | bytesType:
			var key, value []byte
			err = eachField(content, func(t tag, _ uint64, text []byte) error {
				switch t {
				case 1<<3 | bytesType:
					key = text
				case 2<<3 | bytesType:
					value = text
				}
				return nil
			})
			switch string(key) {
			case "type":
				e.Type, hasType = string(value), true
			case "content-type":
				e.JSON, hasContentType = string(value) == "application/json", true
			}
		case 3<<3 | bytesType:
			e.Metadata = content
		case 4<<3 | bytesType:
			e.Data = content
		}
		return err
	})
	r.size += appendSize(e)
	switch {
	case !hasType || !hasContentType:
		r.problem = "an event needs the metadata type and content-type"
	case r.problem != "":
	default:
		if invalid := checkEvent(hasID, e.Type, e); invalid != nil {
			r.problem = status.Convert(invalid).Message()
		}
	}
	return err
}

func decodeUUID(b []byte, id *uuid.UUID) (ok bool, err error) {
	err = eachField(b, func(t tag, _ uint64, content []byte) error {
		switch t {
		case 1<<3 | bytesType:
			ok = true
			return eachField(content, func(t tag, bits uint64, _ []byte) error {
				switch t {
				case 1<<3 | varintType:
					binary.BigEndian.PutUint64(id[:8], bits)
				case 2<<3 | varintType:
					binary.BigEndian.PutUint64(id[8:], bits)
				}
				return nil
			})
		case 2<<3 | bytesType:
			parsed, err := uuid.ParseBytes(content)
			*id, ok = parsed, err == nil
		}
		return nil
	})
	return ok, err
}

// A tag is a field number with its wire type: a known number with another type is an unknown field.
type tag uint64

const (
	varintType = tag(protowire.VarintType)
	bytesType  = tag(protowire.BytesType)
)

// eachField calls visit for every field of a message; fields of fixed width are skipped, as unknown ones are.
func eachField(b []byte, visit func(t tag, varint uint64, content []byte) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errMalformed
		}
		b = b[n:]
		var varint uint64
		var content []byte
		switch kind {
		case protowire.VarintType:
			varint, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			content, n = protowire.ConsumeBytes(b)
		default:
			if n = protowire.ConsumeFieldValue(number, kind, b); n >= 0 {
				b = b[n:]
				continue
			}
		}
		if n < 0 {
			return errMalformed
		}
		b = b[n:]
		if err := visit(tag(number)<<3|tag(kind), varint, content); err != nil {
			return err
		}
	}
	return nil
}

// appendBatchEcho encodes the fields that every answer repeats from its request.
func appendBatchEcho(dst []byte, correlation []byte, stream string, expected storage.Expected) []byte {
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	dst = protowire.AppendBytes(dst, correlation)
	dst = protowire.AppendTag(dst, 4, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(protowire.SizeTag(3)+protowire.SizeBytes(len(stream))))
	dst = protowire.AppendTag(dst, 3, protowire.BytesType)
	dst = protowire.AppendString(dst, stream)
	switch expected {
	case storage.NoStream:
		dst = append(protowire.AppendTag(dst, 6, protowire.BytesType), 0)
	case storage.Any:
		dst = append(protowire.AppendTag(dst, 7, protowire.BytesType), 0)
	case storage.StreamExists:
		dst = append(protowire.AppendTag(dst, 8, protowire.BytesType), 0)
	default:
		dst = protowire.AppendTag(dst, 5, protowire.VarintType)
		dst = protowire.AppendVarint(dst, uint64(expected))
	}
	return dst
}

// appendBatchSuccess encodes BatchAppendResp.success.
func appendBatchSuccess(dst []byte, revision int64, position uint64) []byte {
	var space [48]byte
	success := space[:0]
	if revision >= 0 {
		success = protowire.AppendTag(success, 1, protowire.VarintType)
		success = protowire.AppendVarint(success, uint64(revision))
	} else {
		success = append(protowire.AppendTag(success, 2, protowire.BytesType), 0)
	}
	success = protowire.AppendTag(success, 3, protowire.BytesType)
	success = protowire.AppendVarint(success, uint64(2*(1+protowire.SizeVarint(position))))
	success = protowire.AppendTag(success, 1, protowire.VarintType)
	success = protowire.AppendVarint(success, position)
	success = protowire.AppendTag(success, 2, protowire.VarintType)
	success = protowire.AppendVarint(success, position)
	dst = protowire.AppendTag(dst, 3, protowire.BytesType)
	return protowire.AppendBytes(dst, success)
}
