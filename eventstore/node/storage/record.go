package storage

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"
)

// A stored record is
//
//	format (1) | number of links (1) | event id (16) | uvarint length of body | body | links | CRC-32C (4)
//
// The body is the protobuf encoding of the RecordedEvent that readers receive, without its id (clients choose
// between two forms of it), so that serving an event is a copy and never a re-encoding. The checksum covers the
// position too: a record that turns up under another key is damage, not an event.
const recordFormat = 1

const recordHeader = 18

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Field numbers of event_store.client.streams.ReadResp.ReadEvent.RecordedEvent; the persistent subscription
// service has the same.
const (
	fieldID       = 1
	fieldStream   = 2
	fieldRevision = 3
	fieldPrepare  = 4
	fieldCommit   = 5
	fieldMetadata = 6
	fieldCustom   = 7
	fieldData     = 8

	fieldStreamName = 3 // of StreamIdentifier
)

const (
	contentJSON   = "application/json"
	contentBinary = "application/octet-stream"
)

// Record is a view on the bytes of one stored record. Records handed out by a scan are valid during the
// callback only; those of the live ring are immutable and stay valid.
type Record struct {
	Position uint64
	ID       uuid.UUID
	Revision int64
	JSON     bool
	Stream   []byte
	Type     []byte
	Created  []byte // decimal 100 ns ticks since 1970
	Custom   []byte
	Data     []byte

	body  []byte
	links []byte
	count uint8
}

// End is the last position that the record takes up: its own, or that of the last link in it.
func (r *Record) End() uint64 { return r.Position + uint64(r.count) }

func appendMetadataEntry(dst []byte, key, value string) []byte {
	n := protowire.SizeTag(1) + protowire.SizeBytes(len(key)) + protowire.SizeTag(2) + protowire.SizeBytes(len(value))
	dst = protowire.AppendTag(dst, fieldMetadata, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(n))
	dst = protowire.AppendTag(dst, 1, protowire.BytesType)
	dst = protowire.AppendString(dst, key)
	dst = protowire.AppendTag(dst, 2, protowire.BytesType)
	return protowire.AppendString(dst, value)
}

// layout says where in a body the texts stand that the names of links are made of.
type layout struct{ stream, eventType, custom int }

// appendBody writes the fields of a RecordedEvent in the order in which parseBody expects them.
func appendBody(dst []byte, stream string, revision int64, position uint64, e *Event, created string) ([]byte, layout) {
	base := len(dst)
	dst = appendIdentity(dst, stream, revision, position)
	at := layout{stream: 1 + protowire.SizeVarint(uint64(1+protowire.SizeBytes(len(stream)))) + protowire.SizeTag(fieldStreamName) + protowire.SizeVarint(uint64(len(stream)))}
	dst = appendMetadataEntry(dst, "type", e.Type)
	at.eventType = len(dst) - base - len(e.Type)
	contentType := contentBinary
	if e.JSON {
		contentType = contentJSON
	}
	dst = appendMetadataEntry(dst, "content-type", contentType)
	dst = appendMetadataEntry(dst, "created", created)
	if len(e.Metadata) > 0 {
		dst = protowire.AppendTag(dst, fieldCustom, protowire.BytesType)
		dst = protowire.AppendBytes(dst, e.Metadata)
		at.custom = len(dst) - base - len(e.Metadata)
	}
	if len(e.Data) > 0 {
		dst = protowire.AppendTag(dst, fieldData, protowire.BytesType)
		dst = protowire.AppendBytes(dst, e.Data)
	}
	return dst, at
}

func appendIdentity(dst []byte, stream string, revision int64, position uint64) []byte {
	dst = protowire.AppendTag(dst, fieldStream, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(protowire.SizeTag(fieldStreamName)+protowire.SizeBytes(len(stream))))
	dst = protowire.AppendTag(dst, fieldStreamName, protowire.BytesType)
	dst = protowire.AppendString(dst, stream)
	dst = protowire.AppendTag(dst, fieldRevision, protowire.VarintType)
	dst = protowire.AppendVarint(dst, uint64(revision))
	dst = protowire.AppendTag(dst, fieldPrepare, protowire.VarintType)
	dst = protowire.AppendVarint(dst, position)
	dst = protowire.AppendTag(dst, fieldCommit, protowire.VarintType)
	return protowire.AppendVarint(dst, position)
}

// recordSize is at least what a record takes up, with its checksum.
func recordSize(body int, links []pendingLink) int {
	size := recordHeader + binary.MaxVarintLen64 + body + 4
	for i := range links {
		size += linkSize(links[i].target)
	}
	return size
}

func checksum(position uint64, value []byte) uint32 {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], position)
	return crc32.Update(crc32.Update(0, castagnoli, key[:]), castagnoli, value)
}

// parse makes r a view on value and checks the checksum.
func (r *Record) parse(position uint64, value []byte) error {
	if len(value) < recordHeader+4 {
		return corruptAt(position, "record of %d bytes", len(value))
	}
	content, sum := value[:len(value)-4], binary.LittleEndian.Uint32(value[len(value)-4:])
	if checksum(position, content) != sum {
		return corruptAt(position, "checksum mismatch")
	}
	return r.parseUnchecked(position, content)
}

// parseUnchecked makes r a view on the content of a record (all but the checksum).
func (r *Record) parseUnchecked(position uint64, content []byte) error {
	if content[0] != recordFormat {
		return corruptAt(position, "record format %d, this version reads %d", content[0], recordFormat)
	}
	r.Position = position
	r.count = content[1]
	copy(r.ID[:], content[2:recordHeader])
	n, size := binary.Uvarint(content[recordHeader:])
	rest := content[recordHeader+max(size, 0):]
	if size <= 0 || n > uint64(len(rest)) {
		return corruptAt(position, "body length")
	}
	r.body, r.links = rest[:n:n], rest[n:]
	if !r.parseBody() {
		return corruptAt(position, "body")
	}
	return nil
}

// parseBody reads the fields that the node itself needs. They stand in the order in which appendBody wrote them.
func (r *Record) parseBody() bool {
	c := cursor{b: r.body, ok: true}
	stream := cursor{b: c.bytes(fieldStream), ok: true}
	r.Stream = stream.bytes(fieldStreamName)
	r.Revision = int64(c.varint(fieldRevision))
	prepare, commit := c.varint(fieldPrepare), c.varint(fieldCommit)
	r.Type = c.metadataValue()
	r.JSON = len(c.metadataValue()) == len(contentJSON)
	r.Created = c.metadataValue()
	r.Custom = c.optionalBytes(fieldCustom)
	r.Data = c.optionalBytes(fieldData)
	return c.ok && stream.ok && len(c.b) == 0 && prepare == r.Position && commit == r.Position
}
