package projections

import (
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// plainEncoder serves the commonest types without the allocation that an interface costs; nil for all others.
func plainEncoder(oid uint32, format int16, t reflect.Type) encoder {
	if oid == pgtype.UUIDOID && t.Kind() == reflect.String && format == pgtype.BinaryFormatCode {
		return encodeUUID
	}
	if oid == pgtype.ByteaOID && t.Implements(reflect.TypeFor[encoding.BinaryAppender]()) && format == pgtype.BinaryFormatCode {
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			return v.Addr().Interface().(encoding.BinaryAppender).AppendBinary(buf)
		}
	}
	if format != pgtype.BinaryFormatCode || t.NumMethod() > 0 && t != reflect.TypeFor[time.Time]() {
		return nil // its methods may say how it wants to be encoded
	}
	switch {
	case oid == pgtype.TextOID && t.Kind() == reflect.String:
		return func(buf []byte, v reflect.Value) ([]byte, error) { return append(buf, v.String()...), nil }
	case oid == pgtype.Int8OID && v64(t):
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			return binary.BigEndian.AppendUint64(buf, uint64(v.Int())), nil //nolint:gosec // two's complement is the format
		}
	case oid == pgtype.Int4OID && t.Kind() == reflect.Int32:
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			return binary.BigEndian.AppendUint32(buf, uint32(v.Int())), nil //nolint:gosec // as above
		}
	case oid == pgtype.Int2OID && t.Kind() == reflect.Int16:
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			return binary.BigEndian.AppendUint16(buf, uint16(v.Int())), nil //nolint:gosec // as above
		}
	case oid == pgtype.BoolOID && t.Kind() == reflect.Bool:
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			if v.Bool() {
				return append(buf, 1), nil
			}
			return append(buf, 0), nil
		}
	case oid == pgtype.TimestamptzOID && t == reflect.TypeFor[time.Time]():
		return func(buf []byte, v reflect.Value) ([]byte, error) {
			at := v.Addr().Interface().(*time.Time)
			micro := (at.Unix()-secondsTo2000)*1e6 + int64(at.Nanosecond()/1000)
			return binary.BigEndian.AppendUint64(buf, uint64(micro)), nil //nolint:gosec // two's complement is the format
		}
	}
	return nil
}

// secondsTo2000 is the Unix time of 2000-01-01, where Postgres counts from.
const secondsTo2000 = 946_684_800

func v64(t reflect.Type) bool { return t.Kind() == reflect.Int64 || t.Kind() == reflect.Int }

// encodeUUID reads a UUID with or without dashes.
func encodeUUID(buf []byte, v reflect.Value) ([]byte, error) {
	s := v.String()
	if len(s) == 36 {
		s = strings.ReplaceAll(s, "-", "")
	}
	if len(s) != 32 {
		return nil, fmt.Errorf("%q is not a UUID", v.String())
	}
	return hex.AppendDecode(buf, []byte(s))
}

// plainScanner is for reading what plainEncoder is for writing; nil for all others. No column that it reads may be NULL.
func plainScanner(oid uint32, t reflect.Type) scanner {
	if reflect.PointerTo(t).NumMethod() > 0 {
		return nil // its methods may say how it wants to be read
	}
	number := func(size int, read func([]byte) int64) scanner {
		return func(src []byte, v reflect.Value) error {
			if len(src) != size {
				return errNotPlain
			}
			v.SetInt(read(src))
			return nil
		}
	}
	switch {
	case oid == pgtype.TextOID && t.Kind() == reflect.String:
		return func(src []byte, v reflect.Value) error {
			if src == nil {
				return errNotPlain
			}
			v.SetString(string(src))
			return nil
		}
	case oid == pgtype.Int8OID && v64(t):
		return number(8, func(src []byte) int64 { return int64(binary.BigEndian.Uint64(src)) }) //nolint:gosec // two's complement is the format
	case oid == pgtype.Int4OID && t.Kind() == reflect.Int32:
		return number(4, func(src []byte) int64 { return int64(int32(binary.BigEndian.Uint32(src))) }) //nolint:gosec // as above
	case oid == pgtype.Int2OID && t.Kind() == reflect.Int16:
		return number(2, func(src []byte) int64 { return int64(int16(binary.BigEndian.Uint16(src))) }) //nolint:gosec // as above
	}
	return nil
}

var errNotPlain = errors.New("NULL, or a value of another size")
