// Package rowkey stores ids small. A million devices, each with the ids of itself, its license and its group in the
// table and again in every index, are the largest part of a read model; as text a UUID takes 37 bytes, as a Key 17.
package rowkey

import (
	"crypto/sha256"
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
	_ pgtype.BytesValuer  = Key("")
	_ pgtype.BytesScanner = (*Key)(nil)
)

// asText begins every id that is not a UUID. It can't be part of UTF-8.
const asText = 0xff

// BytesValue is the stored form.
func (k Key) BytesValue() ([]byte, error) { return k.Bytes(), nil }

// Bytes is the stored form. Sixteen bytes are always a UUID, so a text that would come to sixteen ends in one more.
func (k Key) Bytes() []byte {
	if k == "" {
		return []byte{}
	}
	if raw, ok := parseUUID(string(k)); ok {
		return raw
	}
	b := append([]byte{asText}, k...)
	if len(b) == 16 {
		b = append(b, asText)
	}
	return b
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

// parseUUID reads the canonical form and only that: any other spelling would not come back as it was.
func parseUUID(s string) ([]byte, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return nil, false
	}
	raw := make([]byte, 0, 16)
	for i := 0; i < len(s); i += 2 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		high, low := digit(s[i]), digit(s[i+1])
		if high|low > 0xf {
			return nil, false
		}
		raw = append(raw, high<<4|low)
	}
	return raw, true
}

// digit is what a lower-case hex digit stands for, and more than 15 for anything else.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

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
