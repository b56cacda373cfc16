// Package rowkey stores ids small. A million devices, each with the ids of itself, its license and its group in the
// table and again in every index, are the largest part of a read model; as text a UUID takes 37 bytes, as a Key 17.
package rowkey

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// Key is an id as the domain writes it. In Postgres it is a bytea: the 16 bytes of a UUID in its canonical form, or, since
// ids are opaque, any other text after a byte that tells so.
type Key string

var (
	_ pgtype.BytesValuer      = Key("")
	_ encoding.BinaryAppender = Key("")
	_ pgtype.BytesScanner     = (*Key)(nil)
)

// asText begins every id that is not a UUID. It can't be part of UTF-8.
const asText = 0xff

// BytesValue is the stored form.
func (k Key) BytesValue() ([]byte, error) { return k.Bytes(), nil }

// Bytes is the stored form.
func (k Key) Bytes() []byte {
	b, _ := k.AppendBinary(make([]byte, 0, 16)) // any id has a form
	return b
}

// AppendBinary appends the stored form. Sixteen bytes are always a UUID, so a text that would come to sixteen ends in one more.
func (k Key) AppendBinary(b []byte) ([]byte, error) {
	if k == "" {
		return b, nil
	}
	if out, ok := appendUUID(b, string(k)); ok {
		return out, nil
	}
	b = append(append(b, asText), k...)
	if len(k)+1 == 16 {
		b = append(b, asText)
	}
	return b, nil
}

// ScanBytes reads the stored form.
func (k *Key) ScanBytes(b []byte) error {
	switch {
	case len(b) == 0:
		*k = ""
	case len(b) == 16:
		var out [36]byte
		hex.Encode(out[0:8], b[0:4])
		hex.Encode(out[9:13], b[4:6])
		hex.Encode(out[14:18], b[6:8])
		hex.Encode(out[19:23], b[8:10])
		hex.Encode(out[24:36], b[10:16])
		out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
		*k = Key(out[:])
	case b[0] == asText:
		*k = Key(strings.TrimSuffix(string(b[1:]), "\xff"))
	default:
		return errors.New("rowkey: neither a UUID nor a text")
	}
	return nil
}

// appendUUID reads the canonical form and only that: any other spelling would not come back as it was.
func appendUUID(b []byte, s string) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return b, false
	}
	var raw [16]byte
	var wrong byte
	for i, at := range digitPairs {
		high, low := digits[s[at]], digits[s[at+1]]
		wrong |= high | low
		raw[i] = high<<4 | low&0xf
	}
	if wrong > 0xf {
		return b, false
	}
	return append(b, raw[:]...), true
}

// digitPairs is where the two digits of each byte stand.
var digitPairs = [16]uint8{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// digits is what each lower-case hex digit stands for, and 0xff for anything else.
var digits = func() (table [256]byte) {
	for c := range table {
		table[c] = byte(strings.IndexByte("0123456789abcdef", byte(c))) //nolint:gosec // -1 is 0xff
	}
	return table
}()

// Address is a number for a content: the first 64 bits of its SHA-256. Rows that are addressed by what they hold are referred
// to without a look-up, and eight bytes stand for them wherever they are. The chance that two of a million contents share an
// address is one in 37 million.
type Address int64

// AddressOf is the address of a content of several parts.
func AddressOf(parts ...string) Address {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(p)) // a hash never fails
		_, _ = h.Write([]byte{asText})
	}
	return Address(binary.BigEndian.Uint64(h.Sum(nil))) //nolint:gosec // any 64 bits will do
}
