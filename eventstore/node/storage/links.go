package storage

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strings"
)

// Projection names a system projection. Each keeps streams of links to events of other streams.
type Projection uint8

// The system projections, each with the names of its streams.
const (
	ByCategory       Projection = 1 + iota // $ce-<category>: the text before the first dash of the stream name
	ByCorrelationID                        // $bc-<$correlationId of the metadata>
	ByEventType                            // $et-<event type>
	Streams                                // $streams: the first event of every stream
	StreamByCategory                       // $category-<category>: the name of every stream
)

// Projections lists the system projections in the order in which their links follow an event.
var Projections = [...]Projection{ByCategory, ByCorrelationID, ByEventType, Streams, StreamByCategory}

// String returns the name by which EventStoreDB knows the projection.
func (p Projection) String() string {
	switch p {
	case ByCategory:
		return "$by_category"
	case ByCorrelationID:
		return "$by_correlation_id"
	case ByEventType:
		return "$by_event_type"
	case Streams:
		return "$streams"
	case StreamByCategory:
		return "$stream_by_category"
	}
	return "unknown projection"
}

func (p Projection) streamPrefix() string {
	switch p {
	case ByCategory:
		return "$ce-"
	case ByCorrelationID:
		return "$bc-"
	case ByEventType:
		return "$et-"
	case StreamByCategory:
		return "$category-"
	default:
		return "$streams"
	}
}

const (
	// LinkType is the type of an event whose data names another event as <revision>@<stream>.
	LinkType = "$>"
	// StreamReferenceType is the type of an event whose data is the name of a stream.
	StreamReferenceType = "$@"
	// MetadataType is the type of the events in metadata streams.
	MetadataType = "$metadata"
	// StreamDeletedType is the type of a tombstone.
	StreamDeletedType = "$streamDeleted"
)

// A link that is written together with its event needs no record of its own. The event's record carries
//
//	kind (1) | uvarint offset | uvarint length | uvarint revision
//
// where offset and length pick the varying part of the link stream's name out of the body. If that part does
// not stand there verbatim (an escaped JSON string), the high bit of kind is set and the text follows instead:
//
//	kind|0x80 (1) | uvarint length | text | uvarint revision
//
// Because event and links are one record, no crash can separate them: links are there exactly once.
type link struct {
	kind     Projection
	suffix   []byte
	revision int64
}

const inlineSuffix = 0x80

func (l *link) decode(body, b []byte) (rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, false
	}
	c := uvarints{b: b[1:], ok: true}
	l.kind = Projection(b[0] &^ inlineSuffix)
	if b[0]&inlineSuffix != 0 {
		l.suffix = c.take(c.next())
	} else {
		offset, n := c.next(), c.next()
		if !c.ok || offset > uint64(len(body)) || n > uint64(len(body))-offset {
			return nil, false
		}
		l.suffix = body[offset : offset+n]
	}
	l.revision = int64(c.next())
	return c.b, c.ok
}

func (l *link) appendStream(dst []byte) []byte {
	return append(append(dst, l.kind.streamPrefix()...), l.suffix...)
}

type uvarints struct {
	b  []byte
	ok bool
}

func (c *uvarints) next() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.ok, c.b = false, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *uvarints) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.ok, c.b = false, nil
		return nil
	}
	v := c.b[:n]
	c.b = c.b[n:]
	return v
}

// A target is the varying part of a link stream's name: a piece of the record's body, or inline text.
type target struct {
	offset, length int
	text           string
	inline         bool
}

func (t target) bytes(body []byte) []byte {
	if t.inline {
		return []byte(t.text)
	}
	return body[t.offset : t.offset+t.length]
}

// linkTarget decides whether the projection links the event and to which stream.
func (p Projection) linkTarget(stream string, revision int64, e *Event, at layout) (target, bool) {
	switch p {
	case ByCategory, StreamByCategory:
		n := categoryLength(stream)
		if n == 0 || p == StreamByCategory && revision != 0 {
			return target{}, false
		}
		return target{offset: at.stream, length: n}, true
	case ByEventType:
		return target{offset: at.eventType, length: len(e.Type)}, e.Type != LinkType && !keptByProjection(stream)
	case Streams:
		return target{}, revision == 0 && !keptByProjection(stream)
	case ByCorrelationID:
		if e.Type == LinkType {
			return target{}, false
		}
		return correlationTarget(e.Metadata, at.custom)
	}
	return target{}, false
}

// categoryLength returns how much of the stream name is its category, 0 for none.
func categoryLength(stream string) int {
	if strings.HasPrefix(stream, "$") {
		return 0
	}
	return max(strings.IndexByte(stream, '-'), 0)
}

func correlationTarget(metadata []byte, base int) (target, bool) {
	start, n, found := jsonStringField(metadata, "$correlationId")
	if !found || n == 0 || n > MaxStreamName/2 {
		return target{}, false
	}
	if raw := metadata[start : start+n]; bytes.IndexByte(raw, '\\') >= 0 {
		var text string
		if json.Unmarshal(metadata[start-1:start+n+1], &text) != nil || text == "" {
			return target{}, false
		}
		return target{text: text, inline: true}, true
	}
	return target{offset: base + start, length: n}, true
}

// linkSize is at least what appendLink appends.
func linkSize(t target) int { return 1 + 3*binary.MaxVarintLen64 + len(t.text) }

func appendLink(dst []byte, p Projection, t target, revision int64) []byte {
	if t.inline {
		dst = append(dst, byte(p)|inlineSuffix)
		dst = binary.AppendUvarint(dst, uint64(len(t.text)))
		dst = append(dst, t.text...)
	} else {
		dst = append(dst, byte(p))
		dst = binary.AppendUvarint(dst, uint64(t.offset))
		dst = binary.AppendUvarint(dst, uint64(t.length))
	}
	return binary.AppendUvarint(dst, uint64(revision))
}

// CorrelationID returns the $correlationId of an event's metadata as it stands in the JSON, nil for none.
func CorrelationID(e *Entry) []byte {
	if e.Carried() {
		return nil
	}
	start, n, found := jsonStringField(e.Record.Custom, "$correlationId")
	if !found {
		return nil
	}
	return e.Record.Custom[start : start+n]
}
