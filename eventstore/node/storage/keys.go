package storage

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Three kinds of keys share one key space:
//
//	'e' position                      -> record (see record.go)
//	's' len(name) name first-revision -> index run: where the events first, first+1, ... of the stream stand
//	'm'                               -> the identity of this log and the format version of its files
//
// Numbers are big-endian, so that byte order is number order. The length before the name keeps one stream's
// keys from being mixed with those of a stream whose name continues it.
const (
	kindEvent = 'e'
	kindIndex = 's'
	kindMeta  = 'm'
)

// MaxStreamName is the longest stream name in bytes; the index key holds the length in two bytes.
const MaxStreamName = math.MaxUint16

// TombstoneRevision is the revision of the $streamDeleted event that ends a stream for good.
const TombstoneRevision = math.MaxInt64

func eventKey(dst []byte, position uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, kindEvent), position)
}

func positionOfKey(key []byte) (uint64, error) {
	if len(key) != 9 || key[0] != kindEvent {
		return 0, fmt.Errorf("%w: %x is no event key", ErrCorrupt, key)
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}

func indexPrefix(dst []byte, stream string) []byte {
	dst = append(dst, kindIndex)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(stream)))
	return append(dst, stream...)
}

func indexKey(dst []byte, stream string, revision int64) []byte {
	return binary.BigEndian.AppendUint64(indexPrefix(dst, stream), uint64(revision))
}

func splitIndexKey(key []byte) (stream string, first int64, err error) {
	if len(key) < 11 || key[0] != kindIndex || len(key) != 11+int(binary.BigEndian.Uint16(key[1:3])) {
		return "", 0, fmt.Errorf("%w: %x is no index key", ErrCorrupt, key)
	}
	n := len(key) - 8
	return string(key[3:n]), int64(binary.BigEndian.Uint64(key[n:])), nil
}

// A ref says where an event stands: its own position, and how far behind the record that carries it. The
// event itself has ordinal 0; links that were committed with an event live in that event's record and have
// the ordinals 1, 2, ... (see links.go).
type ref struct {
	position uint64
	ordinal  uint8
}

func (r ref) host() uint64 { return r.position - uint64(r.ordinal) }

// ordinalBits bounds the links in one record to 15; there are five system projections.
const ordinalBits = 4

// maxRun bounds the events behind one index key, and with it what a read from the middle decodes in vain.
const maxRun = 128

// appendRef adds one entry to an index run. The distance to the previous position keeps it to two or three bytes.
func appendRef(run []byte, previous uint64, r ref) []byte {
	return binary.AppendUvarint(run, (r.position-previous)<<ordinalBits|uint64(r.ordinal))
}

func decodeRun(dst []ref, run []byte) ([]ref, error) {
	var position uint64
	for len(run) > 0 {
		v, n := binary.Uvarint(run)
		if n <= 0 || len(dst) > maxRun {
			return nil, fmt.Errorf("%w: index run", ErrCorrupt)
		}
		run = run[n:]
		position += v >> ordinalBits
		dst = append(dst, ref{position: position, ordinal: uint8(v & (1<<ordinalBits - 1))})
	}
	return dst, nil
}
