package storage

import "google.golang.org/protobuf/encoding/protowire"

// cursor walks over protobuf fields whose order is known. After the first mismatch ok is false and every
// result is empty.
type cursor struct {
	b  []byte
	ok bool
}

func (c *cursor) tag(number protowire.Number, kind protowire.Type) bool {
	// Every field number in use is below 16, so that a tag is one byte.
	if !c.ok || len(c.b) == 0 || c.b[0] != byte(number)<<3|byte(kind) {
		c.ok = false
		return false
	}
	c.b = c.b[1:]
	return true
}

func (c *cursor) varint(number protowire.Number) uint64 {
	if !c.tag(number, protowire.VarintType) {
		return 0
	}
	v, n := protowire.ConsumeVarint(c.b)
	if n < 0 {
		c.ok = false
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(number protowire.Number) []byte {
	if !c.tag(number, protowire.BytesType) {
		return nil
	}
	v, n := protowire.ConsumeBytes(c.b)
	if n < 0 {
		c.ok = false
		return nil
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) optionalBytes(number protowire.Number) []byte {
	if len(c.b) == 0 || c.b[0] != byte(number)<<3|byte(protowire.BytesType) {
		return nil
	}
	return c.bytes(number)
}

// metadataValue reads one entry of the metadata map and returns its value; which entry it is follows from the order.
func (c *cursor) metadataValue() []byte {
	entry := cursor{b: c.bytes(fieldMetadata), ok: true}
	entry.bytes(1)
	v := entry.bytes(2)
	c.ok = c.ok && entry.ok
	return v
}
