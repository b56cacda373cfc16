package storage

import (
	"encoding/binary"
	"strconv"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// Entry is one event of the log as readers see it: the event of a record (ordinal 0) or one of the links that
// were written with it.
type Entry struct {
	Record  *Record
	Ordinal uint8
	link    link
	salt    uint64
}

// Position in the log.
func (e *Entry) Position() uint64 { return e.Record.Position + uint64(e.Ordinal) }

// Revision in the entry's own stream.
func (e *Entry) Revision() int64 {
	if e.Ordinal > 0 {
		return e.link.revision
	}
	return e.Record.Revision
}

// AppendStream appends the name of the entry's own stream.
func (e *Entry) AppendStream(dst []byte) []byte {
	if e.Ordinal > 0 {
		return e.link.appendStream(dst)
	}
	return append(dst, e.Record.Stream...)
}

// InStream says whether the entry belongs to the stream.
func (e *Entry) InStream(stream string) bool {
	if e.Ordinal == 0 {
		return string(e.Record.Stream) == stream
	}
	prefix := e.link.kind.streamPrefix()
	return len(stream) == len(prefix)+len(e.link.suffix) && stream[:len(prefix)] == prefix && stream[len(prefix):] == string(e.link.suffix)
}

// Type of the event; that of a link is LinkType or StreamReferenceType.
func (e *Entry) Type() []byte {
	switch {
	case e.Ordinal == 0:
		return e.Record.Type
	case e.link.kind == StreamByCategory:
		return []byte(StreamReferenceType)
	default:
		return []byte(LinkType)
	}
}

// ID of the event. The ids of links follow from their position, so that they are unique and never change.
func (e *Entry) ID() uuid.UUID {
	if e.Ordinal == 0 {
		return e.Record.ID
	}
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], mix(e.salt^e.Position()))
	binary.BigEndian.PutUint64(id[8:], mix(mix(e.salt)+e.Position()))
	id[6] = id[6]&0x0f | 0x80 // version 8, made by a rule of our own
	id[8] = id[8]&0x3f | 0x80
	return id
}

// mix is the finalizer of splitmix64, a bijection.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// IsLink says whether the data of the entry names another event.
func (e *Entry) IsLink() bool { return string(e.Type()) == LinkType }

// Carried says whether the entry was written with the event that it refers to, and stands in its record.
func (e *Entry) Carried() bool { return e.Ordinal > 0 }

// AppendData appends the data of the entry.
func (e *Entry) AppendData(dst []byte) []byte {
	switch {
	case e.Ordinal == 0:
		return append(dst, e.Record.Data...)
	case e.link.kind == StreamByCategory:
		return append(dst, e.Record.Stream...)
	default:
		dst = strconv.AppendInt(dst, e.Record.Revision, 10)
		dst = append(dst, '@')
		return append(dst, e.Record.Stream...)
	}
}

// AppendRecorded appends the entry as the fields of a protobuf RecordedEvent, the id in the structured form or
// as text.
func (e *Entry) AppendRecorded(dst []byte, structuredID bool) []byte {
	dst = appendID(dst, e.ID(), structuredID)
	if e.Ordinal == 0 {
		return append(dst, e.Record.body...)
	}
	var name [128]byte
	dst = appendIdentity(dst, string(e.link.appendStream(name[:0])), e.link.revision, e.Position())
	dst = appendMetadataEntry(dst, "type", string(e.Type()))
	dst = appendMetadataEntry(dst, "content-type", contentBinary)
	dst = appendMetadataEntry(dst, "created", string(e.Record.Created))
	var data [160]byte
	dst = protowire.AppendTag(dst, fieldData, protowire.BytesType)
	return protowire.AppendBytes(dst, e.AppendData(data[:0]))
}

func appendID(dst []byte, id uuid.UUID, structured bool) []byte {
	dst = append(dst, fieldID<<3|byte(protowire.BytesType))
	if !structured {
		var text [36]byte
		encodeUUID(&text, id)
		dst = append(dst, 2+36, 2<<3|byte(protowire.BytesType), 36)
		return append(dst, text[:]...)
	}
	most, least := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	n := 2 + protowire.SizeVarint(most) + protowire.SizeVarint(least)
	dst = append(dst, byte(n+2), 1<<3|byte(protowire.BytesType), byte(n), 1<<3)
	dst = append(protowire.AppendVarint(dst, most), 2<<3)
	return protowire.AppendVarint(dst, least)
}

func encodeUUID(dst *[36]byte, id uuid.UUID) {
	const digits = "0123456789abcdef"
	at := 0
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst[at] = '-'
			at++
		}
		dst[at], dst[at+1] = digits[b>>4], digits[b&15]
		at += 2
	}
}

// maxEntries is the event of a record and as many links as an ordinal can name.
const maxEntries = 1 << ordinalBits

// entries lists the record's event and then its links in buf.
func (r *Record) entries(salt uint64, buf *[maxEntries]Entry) ([]Entry, error) {
	buf[0] = Entry{Record: r, salt: salt}
	rest, ok := r.links, r.count < maxEntries
	for i := uint8(1); ok && i <= r.count; i++ {
		buf[i] = Entry{Record: r, Ordinal: i, salt: salt}
		rest, ok = buf[i].link.decode(r.body, rest)
	}
	if !ok || len(rest) > 0 {
		return nil, corruptAt(r.Position, "links")
	}
	return buf[:1+r.count], nil
}

// Target is the event that a carried link refers to.
func (e *Entry) Target() Entry { return Entry{Record: e.Record, salt: e.salt} }

// Clone returns a copy of the entry that stays valid.
func (e *Entry) Clone() Entry {
	content := make([]byte, 0, recordHeader+binary.MaxVarintLen64+len(e.Record.body)+len(e.Record.links))
	content = append(content, recordFormat, e.Record.count)
	content = append(content, e.Record.ID[:]...)
	content = binary.AppendUvarint(content, uint64(len(e.Record.body)))
	content = append(append(content, e.Record.body...), e.Record.links...)
	clone := *e
	clone.Record = &Record{}
	// It was parsed from the same bytes before.
	_ = clone.Record.parseUnchecked(e.Record.Position, content)
	var buf [maxEntries]Entry
	if entries, err := clone.Record.entries(e.salt, &buf); err == nil {
		return entries[e.Ordinal]
	}
	return clone
}

// JSON says whether the content type of the entry is JSON.
func (e *Entry) JSON() bool { return e.Ordinal == 0 && e.Record.JSON }

// Metadata is the custom metadata of the entry.
func (e *Entry) Metadata() []byte {
	if e.Ordinal > 0 {
		return nil
	}
	return e.Record.Custom
}
